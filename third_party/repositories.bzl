"""The libraries that chatd is built with."""

load("//third_party:debian.bzl", "debian_abseil", "debian_library")

def debian_repositories():
    """Declares a repository for each library, under the name its own project gives it."""
    debian_abseil(name = "com_google_absl")

    debian_library(
        name = "com_google_googletest",
        package = "libgmock-dev",
        headers = ["gtest/gtest.h", "gmock/gmock.h"],
        modules = {"gtest": "gmock", "gtest_main": "gmock_main"},
    )

    debian_library(
        name = "com_github_google_benchmark",
        package = "libbenchmark-dev",
        headers = ["benchmark/benchmark.h"],
        libraries = {
            "benchmark": ["-lbenchmark", "-pthread"],
            "benchmark_main": ["-lbenchmark_main", "-lbenchmark", "-pthread"],
        },
    )

    debian_library(
        name = "com_google_protobuf",
        package = "libprotobuf-dev",
        headers = ["google/protobuf/message.h"],
        modules = {"protobuf": "protobuf"},
        build_file = "//third_party:protobuf.BUILD",
        links = {
            "google/protobuf": "/usr/include/google/protobuf",
            "protoc.sh": "/usr/bin/protoc",
        },
    )

    debian_library(
        name = "com_github_grpc_grpc",
        package = "libgrpc++-dev",
        headers = ["grpcpp/grpcpp.h"],
        build_file = "//third_party:grpc.BUILD",
        modules = {"grpc++_without_protobuf": "grpc++"},
        links = {"grpc_cpp_plugin.sh": "/usr/bin/grpc_cpp_plugin"},
    )

    debian_library(
        name = "asio",
        package = "libasio-dev",
        headers = ["asio.hpp"],
        libraries = {"asio": ["-pthread"]},
        defines = ["ASIO_STANDALONE", "ASIO_NO_DEPRECATED"],
    )

    debian_library(
        name = "spdlog",
        package = "libspdlog-dev",
        headers = ["spdlog/spdlog.h"],
        modules = {"spdlog": "spdlog"},
    )

    debian_library(
        name = "cli11",
        package = "libcli11-dev",
        headers = ["CLI/CLI.hpp"],
        modules = {"cli11": "CLI11"},
    )

    debian_library(
        name = "nlohmann_json",
        package = "nlohmann-json3-dev",
        headers = ["nlohmann/json.hpp"],
        modules = {"json": "nlohmann_json"},
    )

    debian_library(
        name = "libsodium",
        package = "libsodium-dev",
        headers = ["sodium.h"],
        modules = {"sodium": "libsodium"},
    )

    debian_library(
        name = "openssl",
        package = "libssl-dev",
        headers = ["openssl/ssl.h"],
        modules = {"crypto": "libcrypto", "ssl": "openssl"},
    )

    debian_library(
        name = "sqlite3",
        package = "libsqlite3-dev",
        headers = ["sqlite3.h"],
        modules = {"sqlite3": "sqlite3"},
    )

    debian_library(
        name = "ncurses",
        package = "libncurses-dev",
        headers = ["curses.h"],
        modules = {"ncurses": "ncursesw"},
    )
