# SPDX-License-Identifier: GPL-2.0-or-later
# The commands one works with: build, install, check, show and measure ringtap.
#
#	make				module and tools, for the running kernel
#	make KVER=6.12			module for a kernel of our test bed (6.1 6.12 7.3), or an installed one
#	make KDIR=/path/to/headers	module for any kernel

KVER ?= $(shell uname -r)
SERIES := 6.1 6.12 7.3
ifeq ($(filter $(KVER),$(SERIES)),)
KDIR ?= /lib/modules/$(KVER)/build
endif

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
UDEVDIR ?= /usr/lib/udev/rules.d
MODDIR ?= /lib/modules
APPARMORDIR ?= /etc/apparmor.d

BUILD := .build
KO := $(BUILD)/kmod-$(KVER)/ringtap.ko
RUN := selftests/run
SETUP := selftests/vm/setup.sh
JOBS ?= $(shell nproc)
MAN_SOURCES := $(wildcard Documentation/man/*.rst)
MAN_ROFF := $(wildcard Documentation/man/*.[1-8])
MAN_MADE := $(MAN_SOURCES:Documentation/man/%.rst=$(BUILD)/man/%)
UDEV_RULES := $(wildcard tools/udev/*.rules)

# The scripts below start makes of their own, with their own idea of parallelism.
unexport MAKEFLAGS MAKELEVEL MFLAGS

.DEFAULT_GOAL := all
.NOTPARALLEL:

## all: module and tools for the running kernel, or for KVER= or KDIR=
all: need-packages module tools

need-packages:
	@if [ -n "$(KDIR)" ] && [ ! -e "$(KDIR)/Makefile" ]; then \
		case "$(KDIR)" in \
		/lib/modules/*) headers=linux-headers-$(KVER) ;; \
		*) echo "no kernel headers in KDIR=$(KDIR)" >&2; exit 1 ;; \
		esac; \
	fi; \
	$(SETUP) --dry-run build module $$headers || { \
		[ -z "$$headers" ] || echo "or name another kernel: KDIR=/path/to/headers, KVER=6.1 (or 6.12, 7.3: downloaded)" >&2; \
		exit 1; }

## module: ringtap.ko alone
module:
	@[ -z "$(KDIR)" ] || [ -e "$(KDIR)/Makefile" ] || { \
		echo "no kernel headers in $(KDIR); run: apt-get install linux-headers-$(KVER)" >&2; \
		echo "or name another kernel: KDIR=/path/to/headers, KVER=6.1 (or 6.12, 7.3)" >&2; exit 1; }
	@KDIR="$(KDIR)" selftests/vm/build.sh $(KVER) $(if $(V),V=$(V))
	@echo "module: $(KO)"

## tools: the ringtap command and its library
tools: $(BUILD)/tools/CMakeCache.txt
	@flock $(BUILD)/tools/.lock cmake --build $(BUILD)/tools --target ringtap -j $(JOBS) -- $(if $(V),VERBOSE=1,--no-print-directory)
	@echo "tools: $(BUILD)/tools/ringtap"

$(BUILD)/tools/CMakeCache.txt: tools/CMakeLists.txt
	@$(SETUP) --dry-run build
	@cmake -S tools -B $(BUILD)/tools -DRINGTAP_TESTS=$(if $(wildcard /usr/include/gtest/gtest.h),ON,OFF) >/dev/null

## check: everything: static checks, unit tests, three kernels, guests (.ci/run does this)
check: setup
	@$(RUN) check

## check-quick: static checks, unit tests and some tests on one kernel; under 5 minutes warm
check-quick: setup
	@$(RUN) quick

## check-all: like check, but every test on every kernel, and clang-tidy
check-all: setup
	@$(RUN) all

## check-static: static checks alone
check-static:
	@$(SETUP) build module check
	@$(RUN) static

## check-unit: unit tests alone, with ASan and UBSan
check-unit:
	@$(SETUP) build check
	@$(RUN) unit

## check-debug: every test without a guest on kernels that check themselves; an hour, the first time two
check-debug: setup
	@$(SETUP) debug
	@selftests/debug/run.sh

## test: one test by name: make test T=vhost_abi [K=6.1]; make test shows the names
test:
	@$(RUN) test $(if $(K),--kernel $(K)) $(T)

## fuzz: the rings and memory tables, for MINUTES= (10), JOBS= at a time, beyond what check replays
fuzz:
	@$(SETUP) build check
	@tools/fuzz/campaign.sh $(or $(MINUTES),10) $(JOBS)

## soak: storms and all hostile tests, mixed, in a VM for MINUTES= (10), on K= (7.3)
soak: setup
	@flock $(BUILD)/tools/.lock cmake --build $(BUILD)/tools --target ringtap ringtap_hostile -j $(JOBS) -- --no-print-directory
	@selftests/soak/soak.sh $(or $(MINUTES),10) $(or $(K),7.3)

## demo: a guest under QEMU on our rings, in a KVM host in a VM (HOST=1: this machine itself)
demo:
	@HOST=$(HOST) selftests/demo/demo.sh

## demo-quick: both ring layouts served to a driver without a guest
demo-quick:
	@HOST=$(HOST) selftests/demo/demo-quick.sh

## bench: stock and ringtap side by side: nanoseconds and instructions per packet
bench:
	@$(SETUP) build module vm bench
	@selftests/bench/run.sh

## setup: install every package that building and checking need
setup:
	@$(SETUP) all

man: $(MAN_MADE)

$(BUILD)/man/%: Documentation/man/%.rst
	@mkdir -p $(@D)
	@rst2man $< $@

## install: module, tool, man pages, udev and AppArmor rules; honours DESTDIR, PREFIX and MODDIR
install: man
	@[ -e $(KO) ] && [ -x $(BUILD)/tools/ringtap ] || { echo "run make first" >&2; exit 1; }
	@release=$$(modinfo -F vermagic $(KO) | cut -d' ' -f1); \
	install -D -m 644 $(KO) "$(DESTDIR)$(MODDIR)/$$release/updates/ringtap.ko"; \
	if [ -z "$(DESTDIR)" ]; then depmod "$$release"; fi
	@install -D -m 755 $(BUILD)/tools/ringtap "$(DESTDIR)$(BINDIR)/ringtap"
	@for page in $(MAN_MADE) $(MAN_ROFF); do \
		section=$${page##*.}; \
		install -D -m 644 "$$page" "$(DESTDIR)$(MANDIR)/man$$section/$${page##*/}"; done
	@for rule in $(UDEV_RULES); do \
		install -D -m 644 "$$rule" "$(DESTDIR)$(UDEVDIR)/$${rule##*/}"; done
	@if [ -z "$(DESTDIR)" ] && [ -S /run/udev/control ]; then udevadm control --reload; fi
	@tools/apparmor/rule.sh install "$(DESTDIR)$(APPARMORDIR)"
	@echo "installed; load the module with: modprobe ringtap"

## uninstall: remove what install put there
uninstall:
	@find "$(DESTDIR)$(MODDIR)" -path '*/updates/ringtap.ko' -delete 2>/dev/null || true
	@if [ -z "$(DESTDIR)" ]; then depmod -a || true; fi
	@$(RM) "$(DESTDIR)$(BINDIR)/ringtap"
	@for page in $(MAN_SOURCES:.rst=) $(MAN_ROFF); do \
		$(RM) "$(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}"; done
	@for rule in $(UDEV_RULES); do $(RM) "$(DESTDIR)$(UDEVDIR)/$${rule##*/}"; done
	@tools/apparmor/rule.sh uninstall "$(DESTDIR)$(APPARMORDIR)"

## clean: remove everything that was built here (downloads stay in the cache)
clean:
	@$(RM) -r $(BUILD)

## help: this list
help:
	@echo "targets:"
	@sed -n 's/^## \([a-z-]*\): /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16 | sed 's/^/  /'

.PHONY: all need-packages module tools check check-quick check-all check-static check-unit check-debug soak test fuzz \
	demo demo-quick bench setup man install uninstall clean help
