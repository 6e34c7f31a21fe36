# Every number and picture is recomputed from the saved predictions.


rule evaluate:
    input:
        results_of(METHODS),
    output:
        metrics=report(f"{RESULTS}/metrics.csv", caption="../report/metrics.rst", category="F1"),
        table=f"{RESULTS}/metrics.md",
        heatmap=report(f"{RESULTS}/heatmap.png", caption="../report/heatmap.rst", category="F1"),
        training=report(f"{RESULTS}/training.png", caption="../report/training.rst", category="Training"),
    params:
        runs=runs(METHODS),
        results=unrecorded(RESULTS),
        revision=recipe.EVALUATE_REVISION,
    log:
        f"{RESULTS}/evaluate.log",
    benchmark:
        f"{RESULTS}/evaluate.tsv"
    shell:
        "infusenet --log {log:q} evaluate {params.runs:q} --output {params.results:q}"


rule html:
    input:
        rules.evaluate.output,
    output:
        f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/report.log",
    shell:
        "snakemake --nolock --report {output:q} -- all_folds > {log:q} 2>&1"
