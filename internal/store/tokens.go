package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// Token is an API token; the token itself is shown once and only its hash
// kept.
type Token struct {
	ID        normalize.ID `json:"id"`
	Name      string       `json:"name"`
	CreatedAt time.Time    `json:"created_at"`
	RevokedAt time.Time    `json:"revoked_at,omitzero"`
}

// tokenPrefix lets secret scanners recognise our tokens.
const tokenPrefix = "dbt_"

// CreateToken makes an API token and returns it; it cannot be shown again.
func (db *DB) CreateToken(ctx context.Context, name string, now time.Time) (string, error) {
	if name = clean(name); name == "" {
		return "", errors.New("a token needs a name")
	}
	token := tokenPrefix + rand.Text() + rand.Text()
	hash := sha256.Sum256([]byte(token))
	err := db.write(ctx, func(t tx) error {
		t.exec(`INSERT INTO api_tokens (hash, id, name, created_at) VALUES ($1, $2, $3, $4)`, hash[:], normalize.NewID(now), name, now)
		return nil
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// Tokens lists the API tokens, oldest first, revoked ones too.
func (db *DB) Tokens(ctx context.Context) (list []Token, err error) {
	err = db.read(ctx, func(s session) error {
		return s.query(`SELECT id, name, created_at, revoked_at FROM api_tokens ORDER BY id`, nil, func(r row) error {
			var k Token
			err := r.scan(&k.ID, &k.Name, &k.CreatedAt, &k.RevokedAt)
			list = append(list, k)
			return err
		})
	})
	return list, err
}

// RevokeToken ends a token, named by its id or its name. ErrNotFound when no
// token in force is called so.
func (db *DB) RevokeToken(ctx context.Context, idOrName string, now time.Time) error {
	return db.write(ctx, func(t tx) error {
		id, err := normalize.ParseID(idOrName)
		if err != nil {
			id = 0
		}
		n := 0
		err = t.query(`UPDATE api_tokens SET revoked_at = $1 WHERE revoked_at = 0 AND (id = $2 OR name = $3) RETURNING id`,
			args(now, id, clean(idOrName)), func(row) error { n++; return nil })
		if err == nil && n == 0 {
			return refuse(fmt.Errorf("token %q: %w", idOrName, timeline.ErrNotFound))
		}
		return err
	})
}

// TokenByHash finds the token in force that has this SHA-256.
func (db *DB) TokenByHash(ctx context.Context, hash [32]byte) (k Token, err error) {
	err = db.read(ctx, func(s session) error {
		found, err := one(s, `SELECT id, name, created_at FROM api_tokens WHERE hash = $1 AND revoked_at = 0`, args(hash[:]),
			&k.ID, &k.Name, &k.CreatedAt)
		if err == nil && !found {
			err = timeline.ErrNotFound
		}
		return err
	})
	return k, err
}

// TokensOf returns what vendors issued to an account.
func (db *DB) TokensOf(account string) connectors.Tokens { return vendorTokens{db, account} }

type vendorTokens struct {
	db      *DB
	account string
}

func (v vendorTokens) Get(ctx context.Context, name string) (value string, err error) {
	var expires time.Time
	err = v.db.read(ctx, func(s session) error {
		_, err := one(s, `SELECT value, expires FROM vendor_tokens WHERE account = $1 AND name = $2`, args(v.account, name), &value, &expires)
		return err
	})
	if err != nil || (!expires.IsZero() && !time.Now().Before(expires)) {
		return "", err
	}
	return value, nil
}

func (v vendorTokens) Set(ctx context.Context, name, value string, expires time.Time) error {
	return v.db.write(ctx, func(t tx) error {
		t.exec(`INSERT INTO vendor_tokens (account, name, value, expires) VALUES ($1, $2, $3, $4)
			ON CONFLICT (account, name) DO UPDATE SET value = excluded.value, expires = excluded.expires`, v.account, name, value, expires)
		return nil
	})
}
