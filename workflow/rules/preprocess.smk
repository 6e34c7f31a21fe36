# Faces, flow and latents: one job per stage and database. No stage reads labels.
#
# A store is followed through its recipe, its clip list's digest and its upstream's .sha256, all by
# content; `ancient` keeps times out of it (a re-copied store with the same bytes changes nothing).
# The params are functions of wildcards only: Snakemake ignores changes in params made from `input`.


rule faces:
    input:
        clips=ancient(f"{CACHE}/{{database}}/clips.csv"),
    output:
        store=f"{CACHE}/{{database}}/faces{{variant}}.h5",
        digest=f"{CACHE}/{{database}}/faces{{variant}}.h5.sha256",
        sheet=f"{CACHE}/{{database}}/faces{{variant}}.png",
    wildcard_constraints:
        database=BUILT,
    params:
        recipe=stage_recipe("faces"),
        clips=lambda wildcards: hashing.file_digest(f"{CACHE}/{wildcards.database}/clips.csv"),
        frames=unrecorded(lambda wildcards: CONFIG["databases"][wildcards.database]["frames"]),
        failed=unrecorded(CONFIG["failed_clips"]),
    log:
        f"{CACHE}/logs/{{database}}.faces{{variant}}.log",
    benchmark:
        f"{CACHE}/logs/{{database}}.faces{{variant}}.tsv"
    threads: COMPUTE["processes"]
    shell:
        "infusenet --log {log:q} faces {input.clips:q} --frames {params.frames:q}"
        " --recipe {params.recipe:q} --failed {params.failed:q} --processes {threads}"
        " --contact-sheet {output.sheet:q} --output {output.store:q}"


# Under `failed_clips: skip`: a clip that one method lacks is left out of all methods. A checkpoint, because
# nothing is trained again as long as the list's content stays, however often its stores are made.
checkpoint left_out:
    input:
        stores=lambda wildcards: ancient(store_paths_of(METHODS, [wildcards.database])),
        digests=lambda wildcards: [f"{p}.sha256" for p in store_paths_of(METHODS, [wildcards.database])],
    output:
        f"{CACHE}/{{database}}/left_out.csv",
    params:
        given=external_bytes(lambda wildcards: [p for m in METHODS for p in store_paths(m, [wildcards.database])]),
    log:
        f"{CACHE}/logs/{{database}}.left_out.log",
    shell:
        "infusenet --log {log:q} left-out {input.stores:q} --output {output:q}"


rule flow:
    input:
        store=ancient(f"{CACHE}/{{database}}/faces.h5"),
        digest=f"{CACHE}/{{database}}/faces.h5.sha256",
    output:
        store=f"{CACHE}/{{database}}/flow{{variant}}.h5",
        digest=f"{CACHE}/{{database}}/flow{{variant}}.h5.sha256",
    wildcard_constraints:
        database=BUILT,
    params:
        recipe=stage_recipe("flow"),
    log:
        f"{CACHE}/logs/{{database}}.flow{{variant}}.log",
    benchmark:
        f"{CACHE}/logs/{{database}}.flow{{variant}}.tsv"
    threads: COMPUTE["processes"]
    resources:
        gpu=flow_gpu,
    shell:
        "infusenet --log {log:q} flow {input.store:q} --recipe {params.recipe:q}"
        " --processes {threads} --output {output.store:q}"


rule latents:
    input:
        store=ancient(f"{CACHE}/{{database}}/faces.h5"),
        digest=f"{CACHE}/{{database}}/faces.h5.sha256",
    output:
        store=f"{CACHE}/{{database}}/latents{{variant}}.h5",
        digest=f"{CACHE}/{{database}}/latents{{variant}}.h5.sha256",
    wildcard_constraints:
        database=BUILT,
    params:
        recipe=stage_recipe("latents"),
        weights=unrecorded(magnifier_weights),
        device=unrecorded(COMPUTE["device"]),
    log:
        f"{CACHE}/logs/{{database}}.latents{{variant}}.log",
    benchmark:
        f"{CACHE}/logs/{{database}}.latents{{variant}}.tsv"
    threads: COMPUTE["threads"]
    resources:
        gpu=GPU,
    shell:
        "infusenet --log {log:q} latents {input.store:q} --recipe {params.recipe:q} {params.weights}"
        " --device {params.device:q} --threads {threads} --output {output.store:q}"
