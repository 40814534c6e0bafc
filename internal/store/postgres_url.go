package store

import (
	"errors"
	"net/url"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// postgresEnvironment tells PostgreSQL's programs of a server what its url
// says, in libpq's variables.
func postgresEnvironment(text string) (map[string]string, error) {
	c, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, errors.New("the store's url is not a PostgreSQL url that we understand")
	}
	env := map[string]string{
		"PGHOST": c.Host, "PGPORT": strconv.Itoa(int(c.Port)), "PGUSER": c.User,
		"PGPASSWORD": c.Password, "PGDATABASE": c.Database,
	}
	// The rest has been turned into other things by now.
	if u, err := url.Parse(text); err == nil {
		for option, variable := range map[string]string{
			"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT",
			"sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
		} {
			if v := u.Query().Get(option); v != "" {
				env[variable] = v
			}
		}
	}
	return env, nil
}
