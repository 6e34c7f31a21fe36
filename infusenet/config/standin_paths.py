"""Paths of the stand-ins, as the configuration names them."""

# Where each database's annotation table and frames lie below the stand-ins' root.
STANDIN_SOURCES = {
    "casme": {"annotations": "casme/CASME.xls", "frames": "casme/CASME_raw_selected"},
    "casme2": {"annotations": "casme2/CASME2-coding-20190701.xlsx", "frames": "casme2/CASME2_RAW_selected"},
    "samm": {"annotations": "samm/SAMM_Micro_FACS_Codes_v2.xlsx", "frames": "samm/SAMM"},
    "fourd": {"annotations": "fourd/4DME_Labelling_Micro_release v1.xlsx", "frames": "fourd/gray_micro"},
    "mmew": {"annotations": "mmew/MMEW_Micro_Exp.xlsx", "frames": "mmew/Micro_Expression"},
    "casme3a": {
        "annotations": "casme3a/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx",
        "frames": "casme3a/part_A_split/part_A",
    },
}
