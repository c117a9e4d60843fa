package dbt

import (
	"archive/zip"
	"errors"
	"io"
	"path"
	"strings"
)

// The bounds of an archive of artifacts.
const (
	maxEntries  = 100_000
	maxUnpacked = 2 << 30
	// manifestName is the file that an archive is looked through for.
	manifestName = "manifest.json"
)

// ReadArchive reads the manifest in an archive of the folder that dbt writes to. Nothing
// else in it is unpacked. What is wrong with the archive is an [*Error], any other error is
// r's.
func ReadArchive(r io.ReaderAt, size int64) (*Manifest, error) {
	archive, err := zip.NewReader(r, size)
	if errors.Is(err, zip.ErrInsecurePath) {
		return nil, refuse("The archive has a path that leads out of it.")
	}
	if err != nil {
		return nil, refuse("It is no ZIP archive that can be read.")
	}
	if len(archive.File) > maxEntries {
		return nil, refuse("The archive has more than %d files.", maxEntries)
	}
	var said uint64
	var found *zip.File
	for _, entry := range archive.File {
		if err := checkEntry(entry); err != nil {
			return nil, err
		}
		if said += entry.UncompressedSize64; said > maxUnpacked || entry.UncompressedSize64 > maxUnpacked {
			return nil, refuse("Unpacked, the archive has more than %d bytes.", int64(maxUnpacked))
		}
		// That of the folder itself, and not of one below it.
		if name := path.Clean(entry.Name); path.Base(name) == manifestName && !strings.HasSuffix(entry.Name, "/") &&
			(found == nil || strings.Count(name, "/") < strings.Count(path.Clean(found.Name), "/")) {
			found = entry
		}
	}
	if found == nil {
		return nil, refuse("The archive has no manifest.json.")
	}
	if found.UncompressedSize64 > MaxManifest {
		return nil, refuse("The manifest is larger than %d bytes.", int64(MaxManifest))
	}
	opened, err := found.Open()
	if err != nil {
		return nil, refuse("The archive has a manifest.json that cannot be read.")
	}
	defer opened.Close()
	m, err := Read(opened)
	if _, told := errors.AsType[*Error](err); err != nil && !told {
		return nil, refuse("The archive has a manifest.json that cannot be read.")
	}
	return m, err
}

// checkEntry refuses an entry that is neither a plain file nor a folder at a plain path.
func checkEntry(entry *zip.File) error {
	const encrypted = 1
	name := entry.Name
	switch {
	case entry.Flags&encrypted != 0:
		return refuse("The archive is encrypted.")
	case !entry.Mode().IsRegular() && !entry.Mode().IsDir():
		return refuse("The archive has an entry that is no file: %.200q.", name)
	case name == "" || strings.HasPrefix(name, "/") || strings.Contains(name, `\`) || strings.Contains(name, "\x00") || len(name) > 1 && name[1] == ':':
		return refuse("The archive has a path that leads out of it: %.200q.", name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return refuse("The archive has a path that leads out of it: %.200q.", name)
		}
	}
	return nil
}
