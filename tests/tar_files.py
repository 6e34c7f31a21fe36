"""Bundles as ``.tar`` files, and members that no bundle has."""

import tarfile


def tar_of(folder, path):
    """The files of a bundle's folder as a ``.tar``, as people make one by hand."""
    with tarfile.open(path, "w") as tar:
        for file in sorted(folder.iterdir()):
            tar.add(file, file.name)
    return path


def member(name, **changes):
    """An empty member of a ``.tar`` with these attributes."""
    info = tarfile.TarInfo(name)
    for key, value in changes.items():
        setattr(info, key, value)
    return info


def tar_with(member, folder, path):
    """The files of a bundle's folder and the header of one more member as a ``.tar``.

    `addfile` of Python 3.13 refuses a member that has a size and no data.
    """
    with tarfile.open(tar_of(folder, path), "a") as tar:
        tar.fileobj.write(member.tobuf())
    return path
