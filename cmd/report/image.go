//lint:file-ignore ST1003 templates name what they show as in podman

package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"berth/cmd/output"
	"berth/engine/image"
)

// Image is one image as `images --format json` prints it.
type Image struct {
	ID          string            `json:"Id"`
	ParentID    string            `json:"ParentId"`
	RepoTags    []string          `json:"RepoTags"`
	RepoDigests []string          `json:"RepoDigests"`
	Size        int64             `json:"Size"`
	SharedSize  int64             `json:"SharedSize"`
	VirtualSize int64             `json:"VirtualSize"`
	Labels      map[string]string `json:"Labels"`
	Containers  int               `json:"Containers"`
	Digest      string            `json:"Digest,omitempty"`
	Dangling    bool              `json:"Dangling,omitempty"`
	ReadOnly    bool              `json:"ReadOnly,omitempty"`
	Names       []string          `json:"Names,omitempty"`
	History     []string          `json:"History,omitempty"` // names it had
	Created     int64             `json:"Created"`           // seconds since 1970
	CreatedAt   string            `json:"CreatedAt"`         // RFC 3339

	entry image.Entry
}

// Images makes a row of each image.
func Images(list []image.Entry) []Image {
	images := make([]Image, len(list))
	for i, m := range list {
		images[i] = Image{
			ID: m.ID, RepoTags: m.Names, RepoDigests: m.RepoDigests, Size: m.Size, VirtualSize: m.Size,
			Labels: m.Labels, Containers: len(m.Containers), Digest: m.Digest, Dangling: m.Dangling, Names: m.Names,
			History: m.History, ReadOnly: m.ReadOnly,
			Created: m.Created.Unix(), CreatedAt: m.Created.UTC().Format(time.RFC3339Nano),
			entry: m,
		}
	}
	return images
}

// Entry is what the row was made from.
func (i Image) Entry() image.Entry { return i.entry }

// ImageRow is one name of an image as templates of `images` see it; an image
// of several names has several rows.
type ImageRow struct {
	Image
	Repository string
	Tag        string
	now        time.Time
	full       bool
}

// ImageRows makes rows; full keeps IDs whole.
func ImageRows(now time.Time, list []Image, full bool) []ImageRow {
	var rows []ImageRow
	for _, m := range list {
		if len(m.RepoTags) == 0 {
			rows = append(rows, ImageRow{m, "<none>", "<none>", now, full})
		}
		for _, name := range m.RepoTags {
			repository, tag := SplitTag(name)
			rows = append(rows, ImageRow{m, repository, tag, now, full})
		}
	}
	return rows
}

// SplitTag divides "registry:5000/name:tag" into repository and tag; a name
// that is only a digest has the tag "<none>".
func SplitTag(name string) (repository, tag string) {
	name, _, _ = strings.Cut(name, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return name[:i], name[i+1:]
	}
	return name, "<none>"
}

// ImageHeadings are the column headings of `images`.
func ImageHeadings() map[string]string {
	return map[string]string{"ID": "IMAGE ID", "Id": "IMAGE ID", "ReadOnly": "R/O"}
}

// ID is the image's ID: twelve digits, or "sha256:" and all.
func (r ImageRow) ID() string {
	if r.full {
		return "sha256:" + r.Image.ID
	}
	return output.ShortID(r.Image.ID, false)
}

// Id is the whole ID.
func (r ImageRow) Id() string { return r.Image.ID }

// ParentId is the image it was built on; images carry none today.
func (r ImageRow) ParentId() string { return r.ParentID }

// Name is the row's name, "repository:tag", "" if the image has none.
func (r ImageRow) Name() string {
	if len(r.RepoTags) == 0 {
		return ""
	}
	return r.Repository + ":" + r.Tag
}

// Created is how long ago the image was made.
func (r ImageRow) Created() string { return output.Ago(r.now, r.entry.Created) }

// CreatedSince is the same as Created.
func (r ImageRow) CreatedSince() string { return r.Created() }

// CreatedAt is when the image was made.
func (r ImageRow) CreatedAt() string { return r.entry.Created.UTC().String() }

// CreatedTime is the same as CreatedAt.
func (r ImageRow) CreatedTime() string { return r.CreatedAt() }

// Size is what the image takes on disk: "5.83 MB".
func (r ImageRow) Size() string { return output.Size(r.Image.Size) }

// History are the names the image had.
func (r ImageRow) History() string { return strings.Join(r.Image.History, ", ") }

// IsDangling reports whether the image has no name.
func (r ImageRow) IsDangling() bool { return r.Dangling }

// IsReadOnly reports whether the image lies in a read-only store.
func (r ImageRow) IsReadOnly() bool { return r.ReadOnly }

// Label is the value of one label.
func (r ImageRow) Label(name string) string { return r.Image.Labels[name] }

// ImageSortKeys are what `images --sort` takes.
func ImageSortKeys() []string { return []string{"created", "id", "repository", "size", "tag"} }

// SortImages orders rows by one of ImageSortKeys, newest first by default.
func SortImages(rows []ImageRow, key string) {
	by := map[string]func(a, b ImageRow) int{
		"created": func(a, b ImageRow) int { return b.entry.Created.Compare(a.entry.Created) },
		"id":      func(a, b ImageRow) int { return cmp.Compare(a.Image.ID, b.Image.ID) },
		"repository": func(a, b ImageRow) int {
			return cmp.Or(cmp.Compare(a.Repository, b.Repository), cmp.Compare(a.Tag, b.Tag))
		},
		"size": func(a, b ImageRow) int { return cmp.Compare(a.Image.Size, b.Image.Size) },
		"tag":  func(a, b ImageRow) int { return cmp.Compare(a.Tag, b.Tag) },
	}[key]
	if by != nil {
		slices.SortStableFunc(rows, by)
	}
}
