"""cc_grpc_library: C++ stubs of gRPC services."""

def _grpc_sources_impl(ctx):
    info = ctx.attr.proto[ProtoInfo]
    outputs = []
    for source in info.direct_sources:
        # Beside the .proto, and so in the package that declares it.
        stem = source.basename[:-len(".proto")]
        files = [ctx.actions.declare_file(stem + suffix) for suffix in [".grpc.pb.h", ".grpc.pb.cc"]]
        outputs.extend(files)
        args = ctx.actions.args()
        args.add("--plugin=protoc-gen-grpc=" + ctx.executable._plugin.path)
        args.add("--grpc_out=" + ctx.bin_dir.path)
        args.add_all(info.transitive_proto_path, format_each = "--proto_path=%s")
        args.add("--proto_path=.")
        args.add(source)
        ctx.actions.run(
            executable = ctx.executable._protoc,
            arguments = [args],
            inputs = info.transitive_sources,
            outputs = files,
            tools = [ctx.executable._plugin],
            mnemonic = "GrpcGenerate",
            progress_message = "Generating gRPC stubs of %s" % source.short_path,
        )
    return [
        DefaultInfo(files = depset(outputs)),
        OutputGroupInfo(
            hdrs = depset([f for f in outputs if f.extension == "h"]),
            srcs = depset([f for f in outputs if f.extension == "cc"]),
        ),
    ]

_grpc_sources = rule(
    implementation = _grpc_sources_impl,
    attrs = {
        "proto": attr.label(mandatory = True, providers = [ProtoInfo]),
        "_protoc": attr.label(default = "@com_google_protobuf//:protoc", executable = True, cfg = "host"),
        "_plugin": attr.label(
            default = "@com_github_grpc_grpc//:grpc_cpp_plugin",
            executable = True,
            cfg = "host",
        ),
    },
)

def cc_grpc_library(name, proto, deps, visibility = None):
    """Declares the stubs of the services in a proto_library, as <file>.grpc.pb.h.

    Args:
      name: name of the cc_library
      proto: label of a proto_library OF THE SAME PACKAGE
      deps: the cc_proto_library of `proto`
      visibility: as of any target
    """
    _grpc_sources(
        name = name + "_sources",
        proto = proto,
        visibility = ["//visibility:private"],
    )
    for group in ["hdrs", "srcs"]:
        native.filegroup(
            name = "%s_%s" % (name, group),
            srcs = [":%s_sources" % name],
            output_group = group,
            visibility = ["//visibility:private"],
        )
    native.cc_library(
        name = name,
        srcs = [":%s_srcs" % name],
        hdrs = [":%s_hdrs" % name],
        visibility = visibility,
        deps = deps + ["@com_github_grpc_grpc//:grpc++"],
    )
