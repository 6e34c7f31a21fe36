"""Frame folders on disk: how their files are named, where a clip's folder lies, what has changed."""
