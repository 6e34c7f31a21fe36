# The bench with known artefacts: its own stand-ins and its own Snakemake runs below one folder, which
# it resumes by itself. Not part of `paper`.


rule nuisance_bench:
    output:
        report(
            expand(f"{RESULTS}/nuisance/nuisance.{{kind}}", kind=["md", "csv", "png"]),
            caption="../report/nuisance.rst",
            category="Infusion under known artefacts",
        ),
    params:
        folder=f"{RESULTS}/nuisance",
        weights=f"--weights {shlex.quote(os.path.abspath(WEIGHTS))}" if (WEIGHTS := CONFIG["latents"].get("weights")) else "",
    log:
        f"{RESULTS}/nuisance.log",
    threads: workflow.cores
    shell:
        "infusenet --log {log:q} nuisance-bench --output {params.folder:q} --cores {threads} {params.weights}"
