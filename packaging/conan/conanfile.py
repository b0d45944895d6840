"""A recipe of the sources that it lies in, for Conan 2: conan create packaging/conan"""

import pathlib
import re

from conan import ConanFile
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy

SOURCES = ("CMakeLists.txt", "LICENSE", "meson.build", "cmake/*", "include/*", "src/*", "subprojects/fmt.wrap")


class LocalsocketConan(ConanFile):
    name = "localsocket"
    description = "Local sockets: Windows named pipes and Unix domain sockets behind one API"
    license = "MIT"
    package_type = "library"
    settings = "os", "compiler", "build_type", "arch"
    options = {"shared": [True, False], "fPIC": [True, False]}
    default_options = {"shared": False, "fPIC": True}
    implements = ["auto_shared_fpic"]

    @property
    def _tree(self):
        return pathlib.Path(self.recipe_folder).parent.parent

    def set_version(self):
        text = (self._tree / "meson.build").read_text(encoding="utf-8")
        self.version = re.search(r"^  version: '(.*)'", text, re.MULTILINE)[1]

    def export_sources(self):
        for pattern in SOURCES:
            copy(self, pattern, self._tree, self.export_sources_folder)

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        # Compiled into the library: no user's concern.
        self.requires("fmt/[>=9]", visible=False, headers=True, libs=False)

    def generate(self):
        CMakeDeps(self).generate()
        CMakeToolchain(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, pathlib.Path(self.package_folder, "licenses"))
        CMake(self).install()

    def package_info(self):
        self.cpp_info.libs = ["localsocket"]
        self.cpp_info.set_property("cmake_target_name", "localsocket::localsocket")
        if not self.options.shared:
            self.cpp_info.defines = ["LOCALSOCKET_STATIC"]
            self.cpp_info.system_libs = ["advapi32"] if self.settings.os == "Windows" else ["pthread"]
