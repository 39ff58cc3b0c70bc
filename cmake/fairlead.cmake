# The rules every target of the house is built by.

add_library(fairlead_rules INTERFACE)
target_compile_options(fairlead_rules INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow
  $<$<BOOL:${FAIRLEAD_WERROR}>:-Werror>
  # Nobody puts another function in the place of one of ours: it may be inlined where it lies.
  -fno-semantic-interposition
  # Statement expressions are how FAIRLEAD_TRY returns early; both compilers have them.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-gnu-statement-expression>)
if(FAIRLEAD_SANITIZE)
  target_compile_options(fairlead_rules INTERFACE
    -fsanitize=${FAIRLEAD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(fairlead_rules INTERFACE -fsanitize=${FAIRLEAD_SANITIZE})
endif()

# The library's and GoogleTest's headers are half of what a test takes to compile; precompiled they are
# read once. But ccache does not keep what was made with them, and g++ 12 warns in them.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  option(FAIRLEAD_PRECOMPILE "Precompile the standard headers" ON)
else()
  option(FAIRLEAD_PRECOMPILE "Precompile the standard headers" OFF)
endif()
# fairlead_precompile(<target> <name> [<library>...]): the target takes cmake/<name>_headers.hpp, which
# needs the libraries, precompiled, if one may.
function(fairlead_precompile target name)
  if(NOT FAIRLEAD_PRECOMPILE)
    return()
  endif()
  # They are compiled as the target is: the code of a program is another than that of a library.
  get_target_property(type ${target} TYPE)
  get_target_property(options ${target} COMPILE_OPTIONS)
  set(headers fairlead_${name}_headers)
  if(NOT TARGET ${headers})
    set(unit ${PROJECT_BINARY_DIR}/${name}_headers.cpp)
    file(CONFIGURE OUTPUT ${unit} CONTENT "int main() {}\n")
    if(type STREQUAL "EXECUTABLE")
      add_executable(${headers} ${unit})
    else()
      add_library(${headers} OBJECT ${unit})
    endif()
    if(options)
      set_target_properties(${headers} PROPERTIES COMPILE_OPTIONS "${options}")
    endif()
    target_link_libraries(${headers} PRIVATE fairlead_rules ${ARGN})
    target_precompile_headers(${headers} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/${name}_headers.hpp)
  endif()
  target_precompile_headers(${target} REUSE_FROM ${headers})
endfunction()

# fairlead_library(<folder> [DEPENDS <folder>...] [LIBRARIES <target>...])
# One library a folder of src/, so that a wrong include does not link. Every .cpp directly in the
# folder or below it belongs to it.
function(fairlead_library folder)
  cmake_parse_arguments(arg "" "" "DEPENDS;LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${folder}/*.cpp)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${folder}/*.hpp)
  set(target fairlead_${folder})
  list(TRANSFORM arg_DEPENDS PREPEND fairlead_)
  if(sources)
    add_library(${target} STATIC ${sources} ${headers})
    target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${target} PUBLIC ${arg_DEPENDS} ${arg_LIBRARIES} PRIVATE fairlead_rules)
    fairlead_precompile(${target} standard)
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${target} INTERFACE ${arg_DEPENDS} ${arg_LIBRARIES})
  endif()
endfunction()

# fairlead_unit_tests(<folder> [DEPENDS <folder>...]): every *_test.cpp below tests/unit/<folder>
# becomes one GoogleTest program, fairlead_<folder>_test.
function(fairlead_unit_tests folder)
  cmake_parse_arguments(arg "" "" "DEPENDS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/${folder}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  list(TRANSFORM arg_DEPENDS PREPEND fairlead_)
  set(target fairlead_${folder}_test)
  add_executable(${target} ${sources})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${target} PRIVATE fairlead_${folder} ${arg_DEPENDS} fairlead_rules
    GTest::gtest_main GTest::gmock)
  fairlead_precompile(${target} test GTest::gtest GTest::gmock)
  gtest_discover_tests(${target} DISCOVERY_TIMEOUT 60 TEST_PREFIX "${folder}: "
    PROPERTIES TIMEOUT 120)
endfunction()
