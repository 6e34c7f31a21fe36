# Options of the figures that look into models, for tables_and_figures.smk.


def picture_options(target):
    """Params: options of figures besides their runs. A function, so that no other target resolves their method."""
    return lambda wildcards: _picture_options(target)


def _picture_options(target):
    """Options for the stores of faces, the clips and the model's recipe."""
    if target == "figure2":
        return f"--recipe {shlex.quote(configuration.resolve_method(CONFIG, INFUSENET).to_json())}"
    if not TARGETS[target].reads_stores:
        return ""
    places = f"--stores {shlex.join(STORES)} --manifests {MANIFESTS}"
    if not TARGETS[target].shows_faces:
        return places
    names = CONFIG["figures"][f"{target}_clip" if target == "figure1" else f"{target}_clips"] or []
    clips = shlex.join([names] if isinstance(names, str) else names)
    weights = CONFIG["latents"].get("weights")
    return " ".join(
        [places]
        + [f"--clips {clips}"] * bool(clips)
        + [f"--weights {shlex.quote(weights)}"] * (is_file_of_weights(weights) and target == "figure1")
    )
