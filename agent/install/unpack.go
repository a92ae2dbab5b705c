package install

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/mainstaydb/mainstay/agent/fetch"
)

// unpackedLimit is several times the size of Dolt: what unpacks to more is a
// mistake, or was made to fill the disk.
const unpackedLimit = 1 << 30

// Unpack writes the one program that a release holds to the file at to. A release
// is the program itself, or a .tar.gz with it in a directory bin. Names in an
// archive choose what is taken and never where it goes.
func Unpack(release io.Reader, to, name string) error {
	in := bufio.NewReader(release)
	var from io.Reader = in
	if magic, err := in.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		if from, err = inArchive(in, name); err != nil {
			return err
		}
	}
	return write(from, to, unpackedLimit)
}

func inArchive(in io.Reader, name string) (io.Reader, error) {
	unpacked, err := gzip.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("%w: it cannot be unpacked: %w", fetch.ErrWrong, err)
	}
	archive := tar.NewReader(io.LimitReader(unpacked, unpackedLimit))
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%w: the archive holds no bin/%s", fetch.ErrWrong, name)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: it cannot be unpacked: %w", fetch.ErrWrong, err)
		}
		clean := path.Clean(header.Name)
		if header.Typeflag == tar.TypeReg && path.Base(clean) == name && path.Base(path.Dir(clean)) == "bin" {
			return archive, nil
		}
	}
}

// write makes a program of what it reads. It is synced: a version that is there
// after a power cut must be whole.
func write(from io.Reader, to string, limit int64) (err error) {
	file, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return fmt.Errorf("make the program's file: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	n, err := io.Copy(file, io.LimitReader(from, limit+1))
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) {
		return fmt.Errorf("%w: it ends too early: %w", fetch.ErrWrong, err)
	}
	if err != nil {
		return fmt.Errorf("unpack the program: %w", err)
	}
	if n > limit {
		return fmt.Errorf("%w: unpacked it is longer than %d MiB", fetch.ErrWrong, limit>>20)
	}
	return file.Sync()
}
