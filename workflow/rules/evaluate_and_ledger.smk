# Every number and picture is recomputed from the saved predictions.


rule evaluate:
    input:
        results_of(runs(METHODS)),
    output:
        metrics=report(f"{RESULTS}/metrics.csv", caption="../report/metrics.rst", category="F1"),
        table=f"{RESULTS}/metrics.md",
        heatmap=report(f"{RESULTS}/heatmap.png", caption="../report/heatmap.rst", category="F1"),
        reliability=report(
            f"{RESULTS}/reliability.png", caption="../report/reliability.rst", category="Calibration"
        ),
        training=report(f"{RESULTS}/training.png", caption="../report/training.rst", category="Training"),
    params:
        runs=runs(METHODS),
        results=unrecorded(RESULTS),
        revision=stage_recipes.EVALUATE_REVISION,
    log:
        f"{RESULTS}/evaluate.log",
    benchmark:
        f"{RESULTS}/evaluate.tsv"
    shell:
        "infusenet --log {log:q} evaluate {params.runs:q} --output {params.results:q}"


# A database whose stores were made elsewhere was audited there.
AUDITS = [f"{CACHE}/{name}/audit.csv" for name in DATABASES if name not in EXTERNAL]


# The state of every annotated clip. The page shows pictures of faces.
rule ledger:
    input:
        stores=ancient(clip_stores()),
        digests=[f"{path}.sha256" for path in clip_stores()],
        audits=[ancient(path) for path in AUDITS],
    output:
        table=report(f"{RESULTS}/ledger.csv", caption="../report/ledger.rst", category="Clips"),
        page=report(f"{RESULTS}/ledger.html", caption="../report/ledger.rst", category="Clips"),
    params:
        audits=lambda wildcards: [hashing.file_digest(path) for path in AUDITS],
        given=external_bytes(lambda wildcards: clip_stores()),
        frames=unrecorded(
            " ".join(
                f"--frames {shlex.quote(name + '=' + source['frames'])}"
                for name, source in CONFIG["databases"].items()
                if "frames" in source
            )
        ),
        results=unrecorded(RESULTS),
    log:
        f"{RESULTS}/ledger.log",
    shell:
        "infusenet --log {log:q} ledger {input.stores:q} {params.frames} --output {params.results:q}"


rule html:
    input:
        rules.evaluate.output,
        rules.ledger.output,
    output:
        f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/report.log",
    shell:
        "snakemake --nolock --report {output:q} -- all_folds ledger > {log:q} 2>&1"
