"""Faults of disks, owners' files and surroundings, each with what happens and the tests of it."""

from triggers import Trigger

CUT = "test_cut_outputs.py::test_"
SITUATIONS = (
    Trigger("an output of 0 bytes, cut at a line's end or in the middle, or zeros",
            "the next run says so, renames it to `NAME.cut` and makes it again when it needs it; a sidecar or a contact "
            "sheet at once. Without the size that its job noted (older versions), a table cut at a line's end counts as whole",
            (f"{CUT}every_result_file", f"{CUT}what_belongs_to_a_store_is_made_again_at_once",
             f"{CUT}results_of_a_version_that_noted_no_sizes", f"{CUT}the_next_run_makes_all_of_it_again")),
    Trigger("weights of a run with the right length and zeros in the second half (a copy that broke off)",
            "no rerun, because a run reads only the ends of files; what loads them compares the sha256 that training "
            "noted, and names the file. Stores: `infusenet store verify`. Of your own `weights: FILE`, ImageNet's "
            "names and files of torch are checked; safetensors have no checksum, so compare the sha256 yourself",
            (f"{CUT}weights_that_were_copied_in_part_are_refused",
             "test_models_weights.py::test_what_else_lies_under_torchvision_s_name_is_refused",
             "test_models_weights.py::test_a_damaged_file_of_torch_is_refused")),
    Trigger("a note that is cut or holds other JSON: `.NAME.sizes`, `index.json`, `frames.json`, `.NAME.lock`",
            "it counts as absent. Sizes: reported, and a table cut at a line's end counts as whole. Index: the frames "
            "are looked at again. Lock: after three minutes an error with the command that removes it",
            (f"{CUT}a_damaged_note_of_sizes_counts_as_absent", "test_sync.py::test_an_index_with_another_value_anywhere",
             "test_store_lock.py::test_a_damaged_lock_is_an_unknown_process_s", "test_json_notes.py")),
    Trigger("a second account, umask 002 and 022",
            "a group works in one clone; without the right to write, one line names folder, owner and mode",
            ("test_two_accounts.py",)),
    Trigger("a killed worker process", "one line names the setting to lower",
            ("test_worker_processes.py",)),
    Trigger("file and folder names that are no UTF-8", "an error of their clip, with the name escaped",
            ("test_frame_folders.py::test_names_in_another_encoding",
             "test_frame_folders.py::test_folders_in_another_encoding")),
    Trigger("a terminal or a locale of another encoding (GBK, Latin-1, EUC-JP, C)",
            "what cannot be shown is printed escaped, files are UTF-8; a path of the configuration that the locale "
            "cannot name is refused with `PYTHONUTF8=1`", ("test_cli.py",)),
    Trigger("a command whose reader stops (`head`)", "it ends quietly, with status 141 if output is left",
            ("test_cli.py::test_a_reader_that_is_gone_ends_a_command_quietly",)),
    Trigger("a last batch of one clip in training", "it joins the batch before; all methods train and predict",
            ("test_methods.py::test_a_method_trains_predicts_and_reloads",)),
)  # fmt: skip
