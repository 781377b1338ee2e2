# octoscale_room(NAME DEPS rooms... LIBS external targets...)
# One static library per folder of src/: every *.cc but *_test.cc and *_bench.cc, sub-folders
# included. The tests of the folder become one program, NAME_test, registered with CTest case by case.
include(GoogleTest)

function(octoscale_room name)
  cmake_parse_arguments(ROOM "" "" "DEPS;LIBS;TEST_DEPS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cc)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_(test|bench|main)\\.cc$")
  octoscale_set_isa_flags(${sources})
  list(TRANSFORM ROOM_DEPS PREPEND octoscale_)
  list(TRANSFORM ROOM_TEST_DEPS PREPEND octoscale_)
  if(sources)
    set(scope PUBLIC)
    add_library(octoscale_${name} STATIC ${sources})
  else()
    set(scope INTERFACE)  # headers only
    add_library(octoscale_${name} INTERFACE)
  endif()
  target_include_directories(octoscale_${name} ${scope} ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(octoscale_${name} ${scope} ${ROOM_DEPS} ${ROOM_LIBS} Threads::Threads)
  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE
      octoscale_${name} ${ROOM_TEST_DEPS} GTest::gtest GTest::gtest_main GTest::gmock)
    gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST
      PROPERTIES TIMEOUT 300 LABELS unit)
  endif()
endfunction()
