package parquet

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// The bounds of a file. What a file claims of itself is looked at before it is decoded,
// since the decoder takes as much memory as the file says.
const (
	// MaxHeld is how many bytes of a file are held at once: a page of each column, and
	// its dictionary.
	MaxHeld = 256 << 20

	maxFooter = 16 << 20
	maxGroups = 1 << 17 // elements of all lists in the footer
	maxHeader = 1 << 20 // of a page
)

// checkFooter reads the lengths in the footer.
func checkFooter(content io.ReaderAt, size int64) error {
	const frame = 8 // the length and the magic number
	end := make([]byte, frame)
	if size < frame+4 {
		return damaged("it has %d bytes", size)
	}
	if _, err := content.ReadAt(end, size-frame); err != nil {
		return damaged("%v", err)
	}
	switch string(end[4:]) {
	case "PAR1":
	case "PARE":
		return unsupported("the Parquet file is encrypted")
	default:
		return damaged("it does not end as one")
	}
	length := int64(binary.LittleEndian.Uint32(end))
	if length > size-frame-4 || length > maxFooter {
		return damaged("its footer is said to have %d bytes", length)
	}
	footer := make([]byte, length)
	if _, err := content.ReadAt(footer, size-frame-length); err != nil {
		return damaged("%v", err)
	}
	w := walker{text: footer, most: maxGroups}
	if err := w.structure(0, nil); err != nil {
		return damaged("its footer: %v", err)
	}
	return nil
}

// checkPages reads the headers of all pages, and unpacks each once to see that it is
// as long as it says.
func checkPages(ctx context.Context, f *parquet.File, columns []column) error {
	metadata := f.Metadata()
	if len(metadata.RowGroups) != len(f.RowGroups()) {
		return damaged("its row groups")
	}
	for g := range metadata.RowGroups {
		group := &metadata.RowGroups[g]
		held := int64(0)
		for _, c := range columns {
			if c.index >= len(group.Columns) {
				return damaged("a row group has no column %s", c.name)
			}
			p := pages{content: f, chunk: &group.Columns[c.index].MetaData, size: f.Size()}
			if err := p.check(ctx); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				return damaged("column %s: %v", c.name, err)
			}
			if p.values != group.NumRows {
				return damaged("column %s has %d values in %d rows", c.name, p.values, group.NumRows)
			}
			held += p.largest + p.dictionary
		}
		if held > MaxHeld {
			return unsupported("the Parquet file has pages of %d MiB that are to be held at once: write it with smaller pages or row groups", held>>20)
		}
	}
	return nil
}

// pages are those of a column in a row group.
type pages struct {
	content io.ReaderAt
	chunk   *format.ColumnMetaData
	size    int64

	values              int64
	largest, dictionary int64 // bytes that are held
}

// header is what the header of a page says.
type header struct {
	kind, unpacked, packed, values     int64
	definitions, repetitions, verbatim int64
}

// The fields of a page's header, by the path of their numbers. Basis: the format's
// definition in Thrift.
func (h *header) field(path []int16) *int64 {
	switch {
	case len(path) == 1 && path[0] == 1:
		return &h.kind
	case len(path) == 1 && path[0] == 2:
		return &h.unpacked
	case len(path) == 1 && path[0] == 3:
		return &h.packed
	case len(path) == 2 && path[1] == 1 && (path[0] == 5 || path[0] == 7 || path[0] == 8):
		return &h.values
	case len(path) == 2 && path[0] == 8 && path[1] == 5:
		return &h.definitions
	case len(path) == 2 && path[0] == 8 && path[1] == 6:
		return &h.repetitions
	case len(path) == 2 && path[0] == 8 && path[1] == 7:
		return &h.verbatim
	}
	return nil
}

const (
	dataPage = iota
	indexPage
	dictionaryPage
	dataPage2
)

// heldPerValue is what a decoded value takes at most, beside the bytes of its page.
const heldPerValue = 12

func (p *pages) check(ctx context.Context) error {
	at, length := p.chunk.DataPageOffset, p.chunk.TotalCompressedSize
	if p.chunk.DictionaryPageOffset != 0 {
		at = p.chunk.DictionaryPageOffset
	}
	if at < 0 || length < 0 || at > p.size || length > p.size-at {
		return errors.New("it lies outside of the file")
	}
	for end := at + length; at < end && p.values < p.chunk.NumValues; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		h, n, err := p.header(at, end)
		if err != nil {
			return fmt.Errorf("the header of a page: %w", err)
		}
		if at += n; h.packed < 0 || h.packed > end-at || h.unpacked < 0 || h.unpacked > MaxHeld || h.values < 0 {
			return errors.New("a page is larger than its column")
		}
		held := h.unpacked + h.packed + h.values*heldPerValue
		if held > MaxHeld {
			return fmt.Errorf("a page of %d MiB", held>>20)
		}
		body := make([]byte, h.packed)
		if _, err := p.content.ReadAt(body, at); err != nil {
			return err
		}
		if err := p.unpack(h, body); err != nil {
			return fmt.Errorf("a page: %w", err)
		}
		at += h.packed
		switch h.kind {
		case dictionaryPage:
			p.dictionary = max(p.dictionary, held)
		case dataPage, dataPage2:
			p.values += h.values
			p.largest = max(p.largest, held)
		}
	}
	return nil
}

// header reads the header of a page, which has a length that only it says.
func (p *pages) header(at, end int64) (h header, n int64, err error) {
	for size := int64(512); ; size *= 8 {
		text := make([]byte, min(size, maxHeader, end-at))
		if _, err := p.content.ReadAt(text, at); err != nil && !errors.Is(err, io.EOF) {
			return h, 0, err
		}
		h = header{verbatim: 1}
		w := walker{text: text, most: maxGroups, number: h.field}
		if err = w.structure(0, nil); err == nil {
			return h, int64(w.at), nil
		}
		if int64(len(text)) < size {
			return h, 0, err
		}
	}
}

// unpack unpacks a page, and forgets it.
func (p *pages) unpack(h header, body []byte) error {
	most := h.unpacked
	if h.kind == dataPage2 {
		levels := h.definitions + h.repetitions
		if h.definitions < 0 || h.repetitions < 0 || levels > int64(len(body)) || levels > most {
			return errors.New("its levels are longer than itself")
		}
		if h.verbatim == 2 { // false, of a boolean field
			return nil
		}
		body, most = body[levels:], most-levels
	}
	if len(body) == 0 {
		return nil
	}
	source := bytes.NewReader(body)
	switch p.chunk.Codec {
	case format.Uncompressed:
		return nil
	case format.Snappy:
		n, err := snappy.DecodedLen(body)
		if err == nil && int64(n) > most {
			err = errTooLong
		}
		return err
	case format.Lz4Raw:
		_, err := lz4.UncompressBlock(body, make([]byte, most))
		return err
	case format.Gzip:
		r, err := gzip.NewReader(source)
		if err != nil {
			return err
		}
		return within(r, most)
	case format.Brotli:
		return within(brotli.NewReader(source), most)
	case format.Zstd:
		r, err := zstd.NewReader(source, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxHeld), zstd.WithDecoderMaxWindow(MaxHeld))
		if err != nil {
			return err
		}
		defer r.Close()
		return within(r, most)
	}
	return fmt.Errorf("it is compressed by %s, which is not read here", p.chunk.Codec)
}

var errTooLong = errors.New("it is longer than it says")

func within(r io.Reader, most int64) error {
	n, err := io.Copy(io.Discard, io.LimitReader(r, most+1))
	if err == nil && n > most {
		err = errTooLong
	}
	return err
}
