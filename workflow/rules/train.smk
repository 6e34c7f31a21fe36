# One job per fold and seed. Training reads the other databases only; the held-out one is first read by
# `predict`, when the weights are final.


rule train:
    input:
        manifests=lambda wildcards: expand(f"{MANIFESTS}/{{name}}.csv", name=training_databases(wildcards.held_out)),
        stores=lambda wildcards: ancient(store_paths(wildcards.method, training_databases(wildcards.held_out))),
        digests=lambda wildcards: [
            f"{path}.sha256" for path in store_paths(wildcards.method, training_databases(wildcards.held_out))
        ],
        left_out=lambda wildcards: left_out(training_databases(wildcards.held_out)),
    output:
        weights=f"{RESULTS}/{{method}}/{{held_out}}/seed{{seed}}/weights.safetensors",
        log=f"{RESULTS}/{{method}}/{{held_out}}/seed{{seed}}/log.csv",
    params:
        recipe=method_recipe,
        databases=lambda wildcards: training_databases(wildcards.held_out),
        given=external_bytes(lambda wildcards: store_paths(wildcards.method, training_databases(wildcards.held_out))),
        run=lambda wildcards, output: os.path.dirname(output.weights),
        device=unrecorded(COMPUTE["device"]),
        workers=unrecorded(COMPUTE.get("workers", 0)),
        stores=unrecorded(STORES),
        manifests=unrecorded(MANIFESTS),
    log:
        f"{RESULTS}/{{method}}/{{held_out}}/seed{{seed}}/train.log",
    benchmark:
        f"{RESULTS}/{{method}}/{{held_out}}/seed{{seed}}/train.tsv"
    threads: COMPUTE["threads"]
    resources:
        gpu=gpus_of,
    shell:
        "infusenet --log {log:q} train {wildcards.method:q} --held-out {wildcards.held_out:q}"
        " --databases {params.databases:q} --stores {params.stores:q} --manifests {params.manifests:q}"
        " --seed {wildcards.seed:q} --recipe {params.recipe:q} --workers {params.workers}"
        " --device {params.device:q} --output {params.run:q}"
        f"{LEFT_OUT}"


# Of 90 MB of weights Snakemake compares the time alone. Another training shows in small files, which it
# compares by content: those of all databases and, where only the training itself differs, the log.
rule predict:
    input:
        weights=ancient(rules.train.output.weights),
        log=rules.train.output.log,
        manifests=expand(f"{MANIFESTS}/{{name}}.csv", name=DATABASES),
        stores=lambda wildcards: ancient(store_paths(wildcards.method, [wildcards.held_out])),
        digests=lambda wildcards: [f"{path}.sha256" for path in store_paths(wildcards.method, DATABASES)],
        left_out=lambda wildcards: left_out(DATABASES),
    output:
        predictions=f"{RESULTS}/{{method}}/{{held_out}}/seed{{seed}}/predictions.csv",
        run=f"{RESULTS}/{{method}}/{{held_out}}/seed{{seed}}/run.json",
    params:
        recipe=method_recipe,
        run=lambda wildcards, input: os.path.dirname(input.weights),
        given=external_bytes(lambda wildcards: store_paths(wildcards.method, DATABASES)),
        device=unrecorded(COMPUTE["device"]),
        workers=unrecorded(COMPUTE.get("workers", 0)),
        stores=unrecorded(STORES),
        manifests=unrecorded(MANIFESTS),
        standins="--standins" if CONFIG["uses_standins"] else "",
    log:
        f"{RESULTS}/{{method}}/{{held_out}}/seed{{seed}}/predict.log",
    benchmark:
        f"{RESULTS}/{{method}}/{{held_out}}/seed{{seed}}/predict.tsv"
    threads: COMPUTE["threads"]
    resources:
        gpu=gpus_of,
    shell:
        "infusenet --log {log:q} predict {params.run:q} --stores {params.stores:q} --manifests {params.manifests:q}"
        " --workers {params.workers} --device {params.device:q} {params.standins} --output {output.predictions:q}"
        f"{LEFT_OUT}"
