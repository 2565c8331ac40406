// SPDX-License-Identifier: GPL-2.0-or-later
// FuseFile: a file of one page in a FUSE file system of ours, which answers who reads when it is told to.
#pragma once

#include <memory>
#include <thread>

#include <sys/types.h>

#include "lib/fd.h"
#include "lib/result.h"

namespace ringtap {

// The file system is mounted nowhere, and is gone with the file, its mappings and its server. A
// process that was forked since has the file too, and may tell the server of it what to do.
class FuseFile {
public:
	enum class Server { thread, process };

	// ENOTSUP where there is no FUSE.
	[[nodiscard]] static Result<std::shared_ptr<FuseFile>> make(Server server);
	FuseFile(const FuseFile &) = delete;
	FuseFile &operator=(const FuseFile &) = delete;
	~FuseFile();

	// Put its page at an address. Read ahead, who waits for it can be killed. Read by itself, the
	// kernel waits for the server's answer whatever happens.
	[[nodiscard]] Result<Done> map(void *page, bool ahead) const;
	// What the server has from the kernel; while it is open, an answer can still come.
	[[nodiscard]] int connection() const { return connection_.get(); }
	// The file system's number, under which /sys/fs/fuse/connections has it.
	[[nodiscard]] unsigned number() const { return number_; }

	// Until somebody reads.
	[[nodiscard]] Result<Done> wait();
	// Who reads, or waits already, has a page of zeros from now on.
	[[nodiscard]] Result<Done> supply() { return tell('s'); }
	// Or an error.
	[[nodiscard]] Result<Done> refuse() { return tell('r'); }
	// The server is gone, and answers nobody; of a process only.
	void kill_server();

private:
	FuseFile() = default;

	[[nodiscard]] Result<Done> start(Server server, Fd control);
	[[nodiscard]] Result<Done> tell(char what) const;

	Fd connection_, control_, file_;
	unsigned number_ = 0;
	pid_t pid_ = -1;
	std::thread thread_;
};

// The file system with this number answers nobody any more, as its administrator wishes.
[[nodiscard]] Result<Done> abort_fuse(unsigned number);

} // namespace ringtap
