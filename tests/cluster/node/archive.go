package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// writeArchive writes an image that holds nothing but a static program, in the format of `docker save`.
func writeArchive(output io.Writer, name, file string) error {
	program, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	entry := filepath.Base(file)
	layer, err := archive(content{entry, program, 0o755})
	if err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config":       map[string]any{"Entrypoint": []string{"/" + entry}, "User": "65532:65532", "WorkingDir": "/"},
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{digest("sha256:", layer)}},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]map[string]any{{
		"Config": digest("", config) + ".json", "RepoTags": []string{name}, "Layers": []string{"layer.tar"},
	}})
	if err != nil {
		return err
	}
	image, err := archive(
		content{"layer.tar", layer, 0o644},
		content{digest("", config) + ".json", config, 0o644},
		content{"manifest.json", manifest, 0o644},
	)
	if err != nil {
		return err
	}
	_, err = output.Write(image)
	return err
}

type content struct {
	name string
	data []byte
	mode int64
}

func archive(contents ...content) ([]byte, error) {
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, it := range contents {
		header := &tar.Header{Name: strings.TrimPrefix(it.name, "/"), Mode: it.mode, Size: int64(len(it.data))}
		if err := writer.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(it.data); err != nil {
			return nil, err
		}
	}
	err := writer.Close()
	return buffer.Bytes(), err
}

func digest(prefix string, data []byte) string {
	return fmt.Sprintf("%s%x", prefix, sha256.Sum256(data))
}
