# The paper's tables and figures: one rule a target, named as the paper names them, so that
# `snakemake --cores N table1` trains what it needs and nothing else.

for _target, _outputs in needs.OUTPUTS.items():

    rule:
        name:
            _target
        input:
            paper_input(_target),
        output:
            report(
                expand(f"{RESULTS}/{{name}}", name=_outputs),
                caption=f"../report/{_target}.rst",
                category="The paper's tables and figures",
            ),
        params:
            target=_target,
            runs=paper_runs(_target),
            options=picture_options(_target),
            results=unrecorded(RESULTS),
            revision=recipe.EVALUATE_REVISION,
        log:
            f"{RESULTS}/{_target}.log",
        benchmark:
            f"{RESULTS}/{_target}.tsv"
        shell:
            "infusenet --log {log:q} report {params.target:q} {params.runs:q} {params.options}"
            " --output {params.results:q}"


rule paper:
    input:
        expand(f"{RESULTS}/{{name}}", name=[name for names in needs.OUTPUTS.values() for name in names]),
