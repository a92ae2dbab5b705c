package disk

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// blankPart is how much of a device's beginning and end must be zero: every file
// system, partition table and store of raw data has its mark there. A new volume
// is zero throughout; reading all of a large one would take hours.
const blankPart = 8 << 20

// isBlank tells whether nothing has been written to a device.
func isBlank(path string) (blank bool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return false, err
	}
	if size == 0 {
		return false, errors.New("it has no size")
	}
	for _, from := range []int64{0, max(0, size-blankPart)} {
		part := make([]byte, min(blankPart, size))
		if _, err := file.ReadAt(part, from); err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		if len(bytes.Trim(part, "\x00")) > 0 {
			return false, nil
		}
	}
	return true, nil
}
