package app

import (
	"flag"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/databases"
	"github.com/understudy-api/understudy/server/edge"
	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/quota"
	"github.com/understudy-api/understudy/server/site"
)

// Config is what "understudy serve" can be told.
type Config struct {
	Addr              string
	Store             string
	StoreKey          secret
	Auth              string
	Enforce           string
	LogLevel          string
	LogFormat         string
	URLFile           string
	Record            string
	AdminToken        secret
	AdminTokenFile    string
	Host              string
	CORS              string
	PublicURL         string
	Seed              string
	Sync              string
	Rules             string
	RulesToken        string
	Watch             bool
	AllowDatabase     string
	Files             string
	Exchanges         int
	MaxConnections    int
	Workspaces        int64
	WorkspaceBytes    int64
	StoreBytes        int64
	MaxBody           int64
	Outgoing          bool
	OutgoingLocal     bool
	ValidateResponses bool
	LogRequests       bool

	// Secret is that of the caller whose workspace the seed is of that names none. It is
	// no flag.
	Secret string
}

// Flags declares the flags of "understudy serve", with their defaults.
func (c *Config) Flags(fs *flag.FlagSet) {
	fs.StringVar(&c.Addr, "addr", "127.0.0.1:8080", "`HOST:PORT` to listen on; port 0 takes a free one")
	fs.StringVar(&c.Store, "store", "sqlite:understudy.db", "where state is kept: \"memory\", \"sqlite:PATH\" or, for several replicas, \"postgres://USER@HOST/DATABASE\"")
	fs.Var(&c.StoreKey, "store-key", "`KEY` under which the tokens that projects give out are encrypted, 32 bytes in base64; better set in the environment. Without one a SQLite store has it in a file beside it; in PostgreSQL, which replicas share, it is required")
	fs.StringVar(&c.Auth, "auth", "open", "who is let in: with \"open\" every well-formed credential opens its own workspace")
	fs.StringVar(&c.Enforce, "enforce", string(site.EnforceStrict), "what becomes of a request that breaks the contract: \"strict\" refuses it, \"report\" records it and serves what the real service would serve, values converted")
	fs.StringVar(&c.LogLevel, "log-level", "info", "least `LEVEL` to log: debug, info, warn or error")
	fs.StringVar(&c.LogFormat, "log-format", "text", "`FORMAT` of the log: text or json")
	fs.BoolVar(&c.LogRequests, "log-requests", true, "print a line for each request, and what of it broke the contract, beside the log")
	fs.StringVar(&c.URLFile, "url-file", "", "`PATH` of a file that gets the base URL once the server listens")
	fs.Int64Var(&c.MaxBody, "max-body", site.DefaultLimits().Body, "largest request body in `BYTES`")
	fs.IntVar(&c.MaxConnections, "max-connections", 1000, "most connections of one address, beyond which one is answered 503; 0 for any number")
	fs.StringVar(&c.Record, "record", string(evidence.RecordViolations), "which exchanges outlive the process: \"violations\" or \"all\"; what was covered always does, and in PostgreSQL the newest exchanges do")
	fs.IntVar(&c.Exchanges, "exchanges", evidence.DefaultExchanges, "how many of the newest exchanges of each workspace are kept, in memory or in PostgreSQL")
	fs.Int64Var(&c.Workspaces, "workspaces", quota.DefaultWorkspaces, "how many workspaces may hold anything")
	fs.Int64Var(&c.WorkspaceBytes, "workspace-bytes", quota.DefaultWorkspaceBytes, "how much a workspace may hold, in `BYTES` of records; more is refused")
	fs.Int64Var(&c.StoreBytes, "store-bytes", quota.DefaultStoreBytes, "how much the store may take, in `BYTES`, evidence and snapshots included; more is refused")
	fs.Var(&c.AdminToken, "admin-token", "`SECRET` of the administrator, with which the control API shows and steers all workspaces, 16 characters or more; better set in the environment. Without one the server makes one at its start and writes it beside the file of its URL")
	fs.StringVar(&c.AdminTokenFile, "admin-token-file", "", "`FILE` that holds the administrator's secret")
	fs.StringVar(&c.Host, "host", "", "`NAMES` that the server answers to beside localhost, what is below it and the address that it listens on, separated by commas; \"*\" in one is any text, and \"*\" alone any name")
	fs.StringVar(&c.CORS, "cors", "", "`ORIGINS` whose pages browsers let call the server, such as \"http://localhost:3000\", separated by commas; \"*\" is any")
	fs.StringVar(&c.PublicURL, "public-url", "", "`URL` at which clients reach the server, such as \"https://understudy.example.com\": what redirects and signed addresses begin with; without one, what each request came for")
	fs.StringVar(&c.Seed, "seed", "", "`FILE` with the workspaces to start with, YAML or JSON (docs/seeds.md); those that are there already stay as they are")
	fs.StringVar(&c.Rules, "rules", "", "`PROJECT=FOLDER`: a project of BRMS whose decisions are the files in a folder, published under their paths in it; several with commas between")
	fs.StringVar(&c.RulesToken, "rules-token", standardRulesToken, "`SECRET` of the caller whose workspace has the projects of --rules")
	fs.BoolVar(&c.Watch, "watch", false, "publish the files of --rules again when they change")
	fs.StringVar(&c.Sync, "sync", syncNormal, "what an acknowledged write to a SQLite file survives: \"normal\" the end of the process, however it comes, \"full\" a power cut as well")
	fs.BoolVar(&c.Outgoing, "allow-outgoing", false, "let webhooks, the integrations and functions of decisions, and BRMS's proxy, make HTTP requests to public addresses")
	fs.BoolVar(&c.OutgoingLocal, "allow-outgoing-local", false, "let them make requests to this machine and to private networks too")
	fs.StringVar(&c.AllowDatabase, "allow-database", "", "`HOSTS` that data sources of Datafold may name beside this machine: names, addresses, networks such as 10.0.0.0/8, or paths of sockets, separated by commas; \"*\" is any name")
	fs.StringVar(&c.Files, "files", "", "folders that stand for files which data diffs name: `ADDRESS=FOLDER`, such as s3://bucket=./data, separated by commas")
	fs.BoolVar(&c.ValidateResponses, "validate-responses", true, "judge every answer before it is sent")
}

// The values of --sync.
const (
	syncNormal = "normal"
	syncFull   = "full"
)

// ServeUsage tells how "understudy serve" is used.
const ServeUsage = `understudy serve [flags]

Serves both APIs until it is interrupted, and prints a line for each request.

  understudy serve
  understudy serve --addr 127.0.0.1:0 --store memory --url-file understudy.url
  understudy serve --seed world.yaml

Exits with 0 when it was told to end, 1 after any error, 2 after a mistake in the flags.`

// ParseConfig reads flags, and for those not given the environment. Usage goes to
// output when it is asked for.
func ParseConfig(args []string, getenv func(string) string, output io.Writer) (*Config, error) {
	c := &Config{}
	fs := flag.NewFlagSet("understudy serve", flag.ContinueOnError)
	c.Flags(fs)
	if err := ParseFlags(fs, ServeUsage, args, getenv, output); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		if word := fs.Arg(0); word == "true" || word == "false" {
			return nil, usageError("serve takes no arguments, got %q: a switch is set as --validate-responses=%s", word, word)
		}
		return nil, usageError("serve takes no arguments, only flags") // not shown: it may be a secret
	}
	return c, c.Validate()
}

// Validate tells the first value that makes no sense.
func (c *Config) Validate() error {
	if _, port, err := net.SplitHostPort(c.Addr); err != nil {
		return usageError("--addr %q: want HOST:PORT", c.Addr)
	} else if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return usageError("--addr %q: the port must be a number from 0 to 65535", c.Addr)
	}
	if _, _, ok := parseStore(c.Store); !ok {
		shown := c.Store
		if i := strings.LastIndexByte(shown, '@'); i >= 0 { // what is before it may hold a password
			shown = "..." + shown[i:]
		}
		return usageError("--store %q: want %s", shown, wantStore)
	}
	if kind, _, _ := parseStore(c.Store); c.StoreKey == "" && kind == "postgres" {
		return usageError("--store-key: a store in PostgreSQL needs one, the same for all replicas: want %s", wantKey)
	}
	if _, ok := parseStoreKey(string(c.StoreKey)); c.StoreKey != "" && !ok {
		return usageError("--store-key: want %s", wantKey) // not shown
	}
	if c.Auth != "open" {
		return usageError("--auth %s: want \"open\"", shownValue(c.Auth))
	}
	if _, ok := site.ParseEnforcement(c.Enforce); !ok {
		return usageError("--enforce %q: want \"strict\" or \"report\"", c.Enforce)
	}
	if _, ok := evidence.ParsePolicy(c.Record); !ok {
		return usageError("--record %q: want \"violations\" or \"all\"", c.Record)
	}
	for name, limit := range map[string]int64{"workspaces": c.Workspaces, "workspace-bytes": c.WorkspaceBytes, "store-bytes": c.StoreBytes} {
		if limit < 0 { // 0 is the default
			return usageError("--%s %d: want at least 1, or 0 for the default", name, limit)
		}
	}
	if c.Exchanges < 1 {
		return usageError("--exchanges %d: want at least 1", c.Exchanges)
	}
	if c.AdminToken != "" && c.AdminTokenFile != "" {
		return usageError("--admin-token and --admin-token-file: want one of them")
	}
	if c.AdminToken != "" && !good(string(c.AdminToken)) {
		return usageError("--admin-token: want %s", acceptable) // not shown
	}
	if _, bad := edge.ParseHosts(c.Host); bad != "" {
		return usageError("--host %q: want the name of a machine without a port, an address, or a pattern such as \"*.example.com\"", bad)
	}
	if _, bad := origins(c.CORS); bad != "" {
		return usageError("--cors %q: want an origin such as \"http://localhost:3000\", or \"*\"", bad)
	}
	if _, ok := publicURL(c.PublicURL); !ok {
		return usageError("--public-url %q: want a URL as https://HOST, with a path if need be, and nothing else", c.PublicURL)
	}
	if _, ok := parseRules(c.Rules); !ok {
		return usageError("--rules %q: want PROJECT=FOLDER, the key of a project and a folder", c.Rules)
	}
	if strings.ContainsFunc(c.RulesToken, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ',' || r == '"' }) || c.RulesToken == "" {
		return usageError("--rules-token %q: want visible ASCII characters without spaces, commas and quotation marks", c.RulesToken)
	}
	if c.Sync != syncNormal && c.Sync != syncFull {
		return usageError("--sync %q: want \"normal\" or \"full\"", c.Sync)
	}
	if _, bad := databases.ParseAllowed(c.AllowDatabase); bad != "" {
		return usageError("--allow-database %q: want a host, an address, a network or the path of a socket", bad)
	}
	if _, bad := databases.ParseFiles(c.Files); bad != "" {
		return usageError("--files %q: want ADDRESS=FOLDER, such as s3://bucket=./data", bad)
	}
	if c.MaxBody < 1 {
		return usageError("--max-body %d: want at least 1", c.MaxBody)
	}
	if c.MaxConnections < 0 {
		return usageError("--max-connections %d: want at least 0", c.MaxConnections)
	}
	if _, err := c.logger(io.Discard); err != nil {
		return err
	}
	return nil
}

// publicURL reads the URL at which clients reach the server, and drops a final slash.
func publicURL(text string) (*url.URL, bool) {
	if text == "" {
		return &url.URL{}, true
	}
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, false
	}
	return u, true
}

func (c *Config) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	switch c.LogLevel {
	case "debug", "info", "warn", "error":
		_ = level.UnmarshalText([]byte(c.LogLevel))
	default:
		return nil, usageError("--log-level %q: want debug, info, warn or error", c.LogLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	switch c.LogFormat {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, usageError("--log-format %q: want text or json", c.LogFormat)
}
