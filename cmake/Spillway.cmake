# SPDX-License-Identifier: Apache-2.0
# Compiler settings, Debian's libraries, and the one-word helpers every folder's CMakeLists.txt uses.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON) # _GNU_SOURCE: recvmmsg, sendmmsg
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# Asserts stay on in production (style.md, rule 17), so no build type defines NDEBUG.
set(CMAKE_C_FLAGS_RELEASE "-O2")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")

add_library(spillway_options INTERFACE)
target_compile_definitions(spillway_options INTERFACE _GNU_SOURCE
  SPILLWAY_VERSION="${PROJECT_VERSION}")
target_include_directories(spillway_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(spillway_options INTERFACE
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wvla -Wundef
  -fno-strict-aliasing -fno-common)
if(SPILLWAY_WERROR)
  target_compile_options(spillway_options INTERFACE -Werror)
endif()
if(SPILLWAY_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined
    -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(SPILLWAY_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_package(PkgConfig REQUIRED)
if(SPILLWAY_TESTS)
  set(test_modules cmocka:cmocka srtp:libsrtp2)
endif()
foreach(pair ${test_modules} zmq:libzmq uv:libuv ssl:openssl usrsctp:usrsctp hiredis:hiredis
    protobufc:libprotobuf-c websockets:libwebsockets jansson:jansson jwt:libjwt yaml:yaml-0.1
    curl:libcurl zlib:zlib)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 name)
  list(GET pair 1 module)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})
  add_library(dep::${name} ALIAS PkgConfig::${name})
endforeach()

# intel-ipsec-mb, which comes without a .pc file, and for one architecture (decisions/0015).
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  find_library(SPILLWAY_IPSEC_MB IPSec_MB REQUIRED)
  find_path(SPILLWAY_IPSEC_MB_INCLUDE intel-ipsec-mb.h REQUIRED)
  add_library(dep::ipsec_mb UNKNOWN IMPORTED GLOBAL)
  set_target_properties(dep::ipsec_mb PROPERTIES IMPORTED_LOCATION ${SPILLWAY_IPSEC_MB}
    INTERFACE_INCLUDE_DIRECTORIES ${SPILLWAY_IPSEC_MB_INCLUDE})
endif()

# spillway_library(NAME SOURCES a.c b.c DEPS other_library dep::ssl)
# One static library per folder. DEPS are public: they say which folders this one may include.
function(spillway_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC spillway_options ${arg_DEPS})
endfunction()

# spillway_core(NAME folder_library ...): one archive out of the folders' objects, which the tidy
# test reads for forbidden symbols, and which carries the folders' own dependencies.
function(spillway_core name)
  set(objects)
  foreach(folder ${ARGN})
    list(APPEND objects $<TARGET_OBJECTS:${folder}>)
  endforeach()
  add_library(${name} STATIC ${objects})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C)
  foreach(folder ${ARGN})
    target_link_libraries(${name} PUBLIC $<TARGET_PROPERTY:${folder},INTERFACE_LINK_LIBRARIES>)
  endforeach()
endfunction()

# spillway_unit_test(NAME SOURCES test_x.c DEPS library ...): a cmocka program with the label unit.
function(spillway_unit_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE spillway_options ${arg_DEPS} dep::cmocka)
  target_compile_definitions(${name} PRIVATE TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data")
  add_test(NAME unit.${name} COMMAND ${name})
  set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

# spillway_integration_test(NAME SOURCES test_x.c DEPS library ...): a cmocka program that uses real
# sockets and the real clock; label integration. Programs it starts get ports of their own.
function(spillway_integration_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE spillway_options ${arg_DEPS} dep::cmocka)
  add_test(NAME integration.${name} COMMAND ${name})
  set_tests_properties(integration.${name} PROPERTIES LABELS integration TIMEOUT 120)
endfunction()

# spillway_fuzz(NAME SOURCES fuzz_x.c DEPS library ...): a libFuzzer target whose committed corpus is
# tests/fuzz/corpus/NAME; the test runs it for a few seconds with the label fuzz. clang builds it
# (SPILLWAY_FUZZ); any other build runs those of the build directory SPILLWAY_FUZZ_DIR, if given, so
# that one ctest runs everything.
function(spillway_fuzz name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  set(dir ${SPILLWAY_FUZZ_DIR})
  if(SPILLWAY_FUZZ)
    set(dir ${CMAKE_BINARY_DIR}/fuzz)
    add_executable(fuzz_${name} ${arg_SOURCES})
    target_link_libraries(fuzz_${name} PRIVATE spillway_options ${arg_DEPS})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${dir})
  endif()
  if(NOT dir)
    return()
  endif()
  # New inputs go to a scratch folder in the build tree; the committed corpus is only read.
  set(found ${CMAKE_BINARY_DIR}/fuzz/found/${name})
  file(MAKE_DIRECTORY ${found})
  add_test(NAME fuzz.${name} COMMAND ${dir}/fuzz_${name} -max_total_time=3 -timeout=5
    -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix=${CMAKE_BINARY_DIR}/fuzz/ ${found} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
  set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 120)
endfunction()

# spillway_bench(NAME SOURCES a.c DEPS library ... ARGS word ...): a program that prints numbers, with
# the label bench. A build without sanitizers makes it; any other runs those of SPILLWAY_RELEASE_DIR,
# if given. They have the machine to themselves, as far as ctest knows; where tests/run runs all tests,
# they only show that they work (bench_short in tests/bench/bench.h).
# LONG_RUN: set to "CONFIGURATIONS full" around tests of minutes, which only `tests/run -C full` runs.
function(spillway_bench name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS;ARGS" ${ARGN})
  set(dir ${SPILLWAY_RELEASE_DIR}/bench)
  if(NOT SPILLWAY_SANITIZE)
    set(dir ${CMAKE_BINARY_DIR}/bench)
    add_executable(bench_${name} ${arg_SOURCES})
    target_link_libraries(bench_${name} PRIVATE spillway_options ${arg_DEPS})
    set_target_properties(bench_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${dir})
  elseif(NOT SPILLWAY_RELEASE_DIR)
    return()
  endif()
  if(SPILLWAY_TESTS)
    add_test(NAME bench.${name} ${LONG_RUN} COMMAND ${dir}/bench_${name} ${arg_ARGS})
    set_tests_properties(bench.${name} PROPERTIES LABELS bench TIMEOUT 300 RUN_SERIAL ON)
  endif()
endfunction()
