"""Repository rules that show libraries installed by Debian as Bazel repositories."""

def _pkg_config(repository_ctx, module, package):
    """Returns (linkopts, defines) of a pkg-config module."""
    pkg_config = repository_ctx.which("pkg-config")
    if not pkg_config:
        fail("pkg-config is not installed; run tools/install-packages")
    words = []
    for flag in ["--libs", "--cflags"]:
        result = repository_ctx.execute([pkg_config, flag, module])
        if result.return_code != 0:
            fail("pkg-config does not know %s: is the Debian package %s installed? (tools/install-packages)\n%s" %
                 (module, package, result.stderr))
        words.append([w for w in result.stdout.replace("\n", " ").split(" ") if w])
    defines = [w[2:] for w in words[1] if w.startswith("-D") and w not in ["-DNOMINMAX", "-D_DEFAULT_SOURCE"]]
    linkopts = []

    # A library that is named twice is needed only at its last place.
    for word in reversed(words[0]):
        if word not in linkopts or not word.startswith("-l"):
            linkopts.insert(0, word)
    return linkopts, [d for d in defines if not d.startswith("_XOPEN_SOURCE")]

_AS_NEEDED = ["-Wl,--as-needed"]

def _cc_library(name, linkopts, defines = [], deps = "[]"):
    return """cc_library(
    name = {name},
    defines = {defines},
    linkopts = {linkopts},
    visibility = ["//visibility:public"],
    deps = {deps},
)

""".format(name = repr(name), defines = repr(defines), linkopts = repr(linkopts), deps = deps)

def _debian_library_impl(repository_ctx):
    package = repository_ctx.attr.package
    for header in repository_ctx.attr.headers:
        if not repository_ctx.path("/usr/include/" + header).exists:
            fail("/usr/include/%s is missing: install the Debian package %s (tools/install-packages)" %
                 (header, package))
    for path, target in repository_ctx.attr.links.items():
        repository_ctx.symlink(target, path)
    build = ""
    for name, module in repository_ctx.attr.modules.items():
        linkopts, defines = _pkg_config(repository_ctx, module, package)
        build += _cc_library(name, _AS_NEEDED + linkopts, defines + repository_ctx.attr.defines)
    for name, linkopts in repository_ctx.attr.libraries.items():
        build += _cc_library(name, _AS_NEEDED + linkopts, repository_ctx.attr.defines)
    if repository_ctx.attr.build_file:
        build += repository_ctx.read(repository_ctx.attr.build_file)
    repository_ctx.file("BUILD", build)

# Headers need no mention: /usr/include is a system directory of the compiler, which also keeps our
# warnings from firing in them.
debian_library = repository_rule(
    implementation = _debian_library_impl,
    doc = "A repository whose targets link libraries of one Debian package.",
    attrs = {
        "package": attr.string(mandatory = True, doc = "Debian package, for the error message"),
        "headers": attr.string_list(doc = "files below /usr/include that must be there"),
        "modules": attr.string_dict(doc = "target name to pkg-config module"),
        "libraries": attr.string_list_dict(doc = "target name to linker options"),
        "defines": attr.string_list(doc = "preprocessor definitions for whoever uses the library"),
        "links": attr.string_dict(doc = "path in the repository to absolute path on the machine"),
        "build_file": attr.label(doc = "more targets, appended to the BUILD file"),
    },
    local = True,
    environ = ["PKG_CONFIG_PATH"],
)

# Abseil's packages and their targets. A target's pkg-config module is absl_<target> unless named.
_ABSEIL = {
    "algorithm": {"algorithm": "", "container": "algorithm_container"},
    "base": {"base": "", "config": "", "core_headers": "", "dynamic_annotations": "", "endian": "", "log_severity": ""},
    "cleanup": {"cleanup": ""},
    "container": {
        "btree": "",
        "fixed_array": "",
        "flat_hash_map": "",
        "flat_hash_set": "",
        "inlined_vector": "",
        "node_hash_map": "",
        "node_hash_set": "",
    },
    "debugging": {"failure_signal_handler": "", "stacktrace": "", "symbolize": ""},
    "functional": {"any_invocable": "", "bind_front": "", "function_ref": ""},
    "hash": {"hash": ""},
    "memory": {"memory": ""},
    "meta": {"type_traits": "meta"},
    "numeric": {"bits": "", "int128": ""},
    "random": {"bit_gen_ref": "random_bit_gen_ref", "distributions": "random_distributions", "random": "random_random"},
    "status": {"status": "", "statusor": ""},
    "strings": {"cord": "", "str_format": "", "strings": ""},
    "synchronization": {"synchronization": ""},
    "time": {"civil_time": "", "time": ""},
    "types": {"any": "", "compare": "", "optional": "", "span": "", "variant": ""},
    "utility": {"utility": ""},
}

def _debian_abseil_impl(repository_ctx):
    for package, targets in _ABSEIL.items():
        build = ""
        for name, module in targets.items():
            linkopts, _ = _pkg_config(repository_ctx, "absl_" + (module or name), "libabsl-dev")
            deps = "[]"
            if package == "synchronization":
                deps = """select({
        "@chatd//third_party/sanitizers:tsan": ["@chatd//third_party/sanitizers:abseil_mutex"],
        "//conditions:default": [],
    })"""
            build += _cc_library(name, _AS_NEEDED + linkopts, deps = deps)
        repository_ctx.file("absl/%s/BUILD" % package, build)
    repository_ctx.file("BUILD", "")

debian_abseil = repository_rule(
    implementation = _debian_abseil_impl,
    doc = "Debian's Abseil with the packages and targets of Abseil's own Bazel build.",
    local = True,
    environ = ["PKG_CONFIG_PATH"],
)
