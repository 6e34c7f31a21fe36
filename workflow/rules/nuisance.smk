# The bench with known artefacts: its own stand-ins and its own Snakemake runs below one folder, which
# it resumes by itself. Not part of `paper`.

_weights = CONFIG["latents"].get("weights")


rule nuisance_bench:
    output:
        report(
            expand(f"{RESULTS}/nuisance/nuisance.{{kind}}", kind=["md", "csv", "png"]),
            caption="../report/nuisance.rst",
            category="Infusion under known artefacts",
        ),
    params:
        folder=lambda wildcards, output: os.path.dirname(output[0]),
        # Beside the project's own magnifier, the one that is configured.
        weights=f"--weights {shlex.quote(_weights)}" if _weights else "",
    log:
        f"{RESULTS}/nuisance.log",
    # All cores of this machine: Snakemake lowers the number to --cores. A cluster's submit node has none to give.
    threads: os.cpu_count() if workflow.local_exec else COMPUTE["processes"]
    shell:
        "infusenet --log {log:q} nuisance-bench --output {params.folder:q} --cores {threads} {params.weights}"
