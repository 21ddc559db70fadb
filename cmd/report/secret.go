package report

import (
	"time"

	"berth/cmd/output"
	"berth/engine/secret"
)

// secretDriver is what podman calls where secrets are kept: files only root can
// read.
const secretDriver = "file"

// Secret is one secret as `secret ls` prints it.
type Secret struct {
	ID        string `json:"ID"`
	Name      string `json:"Name"`
	Driver    string `json:"Driver"`
	CreatedAt string `json:"CreatedAt"` // in words: "3 minutes ago"
	UpdatedAt string `json:"UpdatedAt"`
}

// Secrets makes a row of each secret.
func Secrets(now time.Time, list []secret.Secret) []Secret {
	rows := make([]Secret, len(list))
	for i, s := range list {
		rows[i] = Secret{s.ID, s.Name, secretDriver, output.Ago(now, s.CreatedAt), output.Ago(now, s.UpdatedAt)}
	}
	return rows
}

// SecretHeadings are the column headings of `secret ls`.
func SecretHeadings() map[string]string {
	return map[string]string{"CreatedAt": "CREATED", "UpdatedAt": "UPDATED"}
}

// SecretInspect is a secret as `secret inspect` prints it.
type SecretInspect struct {
	ID         string     `json:"ID"`
	CreatedAt  time.Time  `json:"CreatedAt"`
	UpdatedAt  time.Time  `json:"UpdatedAt"`
	Spec       SecretSpec `json:"Spec"`
	SecretData string     `json:"SecretData,omitempty"` // only where it was asked for
}

// SecretSpec is what a secret was made as.
type SecretSpec struct {
	Name   string            `json:"Name"`
	Driver SecretDriver      `json:"Driver"`
	Labels map[string]string `json:"Labels"`
}

// SecretDriver says how a secret is kept.
type SecretDriver struct {
	Name    string            `json:"Name"`
	Options map[string]string `json:"Options"`
}

// InspectSecret is everything known of a secret; data is what it holds, or nothing.
func InspectSecret(s secret.Secret, data []byte) SecretInspect {
	r := SecretInspect{ID: s.ID, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, SecretData: string(data)}
	r.Spec = SecretSpec{s.Name, SecretDriver{secretDriver, s.DriverOptions}, s.Labels}
	if r.Spec.Labels == nil {
		r.Spec.Labels = map[string]string{}
	}
	if r.Spec.Driver.Options == nil {
		r.Spec.Driver.Options = map[string]string{}
	}
	return r
}
