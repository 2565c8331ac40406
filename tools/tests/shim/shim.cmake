# SPDX-License-Identifier: GPL-2.0-or-later
# Builds the kernel's ring and memory sources for user space, over the header shims.

set(RINGTAP_SHIM_DIR ${CMAKE_CURRENT_LIST_DIR})
set(RINGTAP_KMOD_DIR ${CMAKE_CURRENT_LIST_DIR}/../../../kmod
  CACHE PATH "Where the kernel sources are; a copy with faults in it proves the fuzz targets")
set(RINGTAP_SHIM_SANITIZERS -fsanitize=address,undefined -fno-sanitize-recover=all
  -fno-omit-frame-pointer)

# ringtap_add_kmod_ring(<name> [flags...]) makes a static library; the flags compile and link.
function(ringtap_add_kmod_ring name)
  set(sources area area_map iotlb log mem ring ring_chain ring_packed ring_split)
  list(TRANSFORM sources PREPEND ${RINGTAP_KMOD_DIR}/)
  list(TRANSFORM sources APPEND .c)
  add_library(${name} STATIC ${sources} ${RINGTAP_SHIM_DIR}/shim.c
    ${RINGTAP_SHIM_DIR}/iotlb.c ${RINGTAP_SHIM_DIR}/pages.c)
  # the shims stand in for kernel headers of the same name: they come first
  target_include_directories(${name} BEFORE PUBLIC ${RINGTAP_SHIM_DIR} ${RINGTAP_KMOD_DIR})
  target_compile_options(${name} PRIVATE -std=gnu11 -Wall -Wextra -Wno-unused-parameter
    -Wno-sign-compare)
  target_compile_options(${name} PUBLIC ${ARGN})
  target_link_options(${name} PUBLIC ${ARGN})
endfunction()
