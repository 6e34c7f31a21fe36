# The paper's tables and figures: one rule per target, named as the paper names them, so that
# `snakemake --cores N table1` trains what it needs and nothing else.

for _target, _entry in TARGETS.items():

    rule:
        name:
            _target
        input:
            paper_input(_target),
        output:
            report(
                expand(f"{RESULTS}/{{name}}", name=_entry.files),
                caption=f"../report/{_target}.rst",
                category="The paper's tables and figures",
            ),
        params:
            target=_target,
            runs=paper_runs(_target),
            options=picture_options(_target),
            results=unrecorded(RESULTS),
            revision=stage_recipes.EVALUATE_REVISION,
        log:
            f"{RESULTS}/{_target}.log",
        benchmark:
            f"{RESULTS}/{_target}.tsv"
        shell:
            "infusenet --log {log:q} report {params.target:q} {params.runs:q} {params.options}"
            " --output {params.results:q}"


_paper_files = expand(f"{RESULTS}/{{name}}", name=[name for entry in TARGETS.values() for name in entry.files])


# All of it in one file, with the content of `snakemake report`.
rule paper_html:
    input:
        _paper_files,
        rules.evaluate.output,
        rules.ledger.output,
    output:
        f"{RESULTS}/paper.html",
    params:
        targets=list(TARGETS),
    log:
        f"{RESULTS}/paper.log",
    shell:
        "snakemake --nolock --report {output:q} -- all_folds ledger {params.targets:q} > {log:q} 2>&1"


rule paper:
    input:
        _paper_files,
        rules.paper_html.output,
