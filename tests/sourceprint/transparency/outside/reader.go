// An outside reader of a log: Go's own packages for signed notes and transparency logs verify what Sourceprint wrote.
//
//	reader FOLDER VKEY[,VKEY...] OLDER-CHECKPOINT CONSISTENCY-PROOF ENTRY-PROOF...
//
// Prints one line if all of it holds; else the fault, and exits with 1.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type entryProof struct {
	Index      int64    `json:"index"`
	Entry      []byte   `json:"entry"`
	Proof      [][]byte `json:"proof"`
	Checkpoint string   `json:"checkpoint"`
}

// tiles reads the files of a folder; their names lack the height that Go's have.
type tiles struct{ folder string }

func (t tiles) Height() int { return 8 }

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		data, err := os.ReadFile(filepath.Join(t.folder, strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func expect(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func opened(text []byte, verifiers note.Verifiers) tlog.Tree {
	signed, err := note.Open(text, verifiers)
	expect(err, "checkpoint")
	lines := strings.Split(signed.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	expect(err, "size")
	root, err := tlog.ParseHash(lines[2])
	expect(err, "root")
	return tlog.Tree{N: size, Hash: root}
}

func hashes(list [][]byte) (proof []tlog.Hash) {
	for _, each := range list {
		var hash tlog.Hash
		if copy(hash[:], each) != tlog.HashSize || len(each) != tlog.HashSize {
			expect(fmt.Errorf("%d bytes", len(each)), "hash")
		}
		proof = append(proof, hash)
	}
	return proof
}

func main() {
	folder := os.Args[1]
	var known []note.Verifier
	for _, key := range strings.Split(os.Args[2], ",") {
		verifier, err := note.NewVerifier(key)
		expect(err, "key")
		known = append(known, verifier)
	}
	verifiers := note.VerifierList(known...)
	text, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	expect(err, "checkpoint")
	tree := opened(text, verifiers)

	reader := tlog.TileHashReader(tree, tiles{folder})
	root, err := tlog.TreeHash(tree.N, reader)
	expect(err, "tiles")
	if root != tree.Hash {
		expect(fmt.Errorf("lead to another root"), "tiles")
	}
	for first := int64(0); first < tree.N; first += 256 {
		width := int(tree.N - first)
		if width > 256 {
			width = 256
		}
		path := strings.Replace(tlog.Tile{H: 8, L: 0, N: first / 256, W: width}.Path(), "tile/8/0/", "tile/entries/", 1)
		bundle, err := os.ReadFile(filepath.Join(folder, path))
		expect(err, "entries")
		for number := first; number < first+int64(width); number++ {
			length := int(binary.BigEndian.Uint16(bundle))
			stored, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, number)})
			expect(err, "tiles")
			if hash := tlog.RecordHash(bundle[2 : 2+length]); !bytes.Equal(hash[:], stored[0][:]) {
				expect(fmt.Errorf("another hash"), fmt.Sprintf("entry %d", number))
			}
			bundle = bundle[2+length:]
		}
	}

	text, err = os.ReadFile(os.Args[3])
	expect(err, "older checkpoint")
	older := opened(text, verifiers)
	data, err := os.ReadFile(os.Args[4])
	expect(err, "consistency proof")
	var consistency [][]byte
	expect(json.Unmarshal(data, &consistency), "consistency proof")
	expect(tlog.CheckTree(hashes(consistency), tree.N, tree.Hash, older.N, older.Hash), "consistency proof")

	for _, path := range os.Args[5:] {
		data, err := os.ReadFile(path)
		expect(err, "entry proof")
		var proof entryProof
		expect(json.Unmarshal(data, &proof), "entry proof")
		of := opened([]byte(proof.Checkpoint), verifiers)
		leaf := tlog.RecordHash(proof.Entry)
		expect(tlog.CheckRecord(hashes(proof.Proof), of.N, of.Hash, proof.Index, leaf), "entry proof")
	}
	fmt.Printf("%d entries, from %d on, %d proofs\n", tree.N, older.N, len(os.Args)-5)
}
