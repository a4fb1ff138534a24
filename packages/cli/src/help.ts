/** What `--help` says after the options, at most 80 columns wide. Every example works as it stands. */

export const programHelp = `
Examples:
  $ sotto serve
  $ sotto serve --port 9000 --data /srv/sotto
  $ sotto doctor
  $ sotto chat bob --as alice
  $ sotto send bob "see you at 8" --as alice
  $ sotto listen --json --as bot
  $ curl -H "Authorization: Bearer $(sotto token alice)" localhost:8080/devices

Settings come from the environment; options win over it. serve, token and doctor
read the file .env in the working directory too. Those that matter to a command
are named by sotto COMMAND --help. Colours: on a terminal, unless NO_COLOR is
set.

Exit codes: 0 all is well, 1 it could not be done, 2 the call was wrong.`

export const serveHelp = `
Examples:
  $ sotto serve
  $ sotto serve --port 9000 --data /srv/sotto
  $ DEV_TOKENS=true sotto serve --host 127.0.0.1
  $ sotto serve --json | tee sotto.log

The log is JSON lines; on a terminal it is plain words. SIGTERM stops: what was
accepted is committed, sockets are closed, and the exit code is 0. A wrong
setting, or a data directory in use, is one line and exit code 1.

Settings (environment or .env):
  HOST, PORT      where it listens
  DATA_DIR        everything that is kept: the database, and the secret that is
                  made on first start
  JWT_SECRET      the secret shared with your login, at least 32 bytes; left
                  out, one is made in DATA_DIR
  JWT_JWKS_URL    or the public keys of your login, together with JWT_ISSUER
                  and JWT_AUDIENCE
  DEV_TOKENS      true: POST /auth/dev-token gives programs on this machine any
                  user's token
  RETENTION_DAYS  how long messages wait for devices that do not fetch them (30)
  LOG_LEVEL       trace, debug, info, warn, error, fatal or silent (info)
  CORS_ORIGINS    origins of web pages that may use the server
  TRUST_PROXY     the addresses of your proxies
  LIMIT_...       limits, for example LIMIT_SENDS_PER_SECOND=100`

export const tokenHelp = `
Examples:
  $ sotto token alice
  $ sotto token alice --device phone --ttl 7d
  $ curl -H "Authorization: Bearer $(sotto token alice)" localhost:8080/devices

Only the token is printed on the standard output. Whoever has it is that user
until it expires; it cannot be revoked.

Settings (environment or .env), the same as the server's:
  JWT_SECRET    signs the token; left out, the secret does that the server has
                made in DATA_DIR
  DATA_DIR      where that is (./data)
  JWT_JWKS_URL  if it is set, tokens come from your login, and this refuses`

export const doctorHelp = `
Examples:
  $ sotto doctor
  $ sotto doctor --data /srv/sotto --quick
  $ sotto doctor --json

Run it as the user that runs the server, with the server's settings. A server
may be running: then it is asked, and its database is only read.

Exit codes: 0 no problem (there may be warnings), 1 at least one problem.

Settings (environment or .env): all that the server reads. What differs from the
defaults is listed; secrets are not shown.`

const userSettings = `
Settings (environment):
  SOTTO_USER       who you are, in place of --as
  SOTTO_URL        the server, in place of --url
  SOTTO_TOKEN      a token of your login, in place of --token. With none of
                   these a development token is asked for (npm run dev)
  XDG_DATA_HOME    devices are kept in its folder sotto (~/.local/share), one
                   for each server and user, for one process at a time`

export const chatHelp = `
Examples:
  $ sotto chat bob --as alice
  $ sotto chat --group Team bob carol --as alice
  $ sotto chat --as alice
  $ sotto chat --as alice --link --data ./laptop

/help in the chat says what else there is: /who, /verify, /add, /react, ... It
works without a terminal too: lines in, lines out. When somebody's identity
changes, nothing is sent until you /verify or /accept it.
${userSettings}`

export const sendHelp = `
Examples:
  $ sotto send bob "see you at 8" --as alice
  $ uptime | sotto send bob - --as alice
  $ sotto send --group Team "the build is green" --as bot

Exit codes: 0 the server has it on disk, 1 it has not: the message then says
whether it waits here for the next time.
${userSettings}`

export const listenHelp = `
Examples:
  $ sotto listen --json --as bot
  $ sotto listen --json --as bot | while read -r line; do echo "$line"; done

A line of --json: type (message), id, conversationId, kind (direct or group),
from, text, custom, replyTo, sentAt, receivedAt (milliseconds since 1970). A
message is handled once its line is written; after a crash in between it comes
again, with the same id.

A line of --stdin: to (a user) or conversationId, text, and if you like replyTo,
custom, ref. It is answered by a line of type queued or refused, with the same
ref.
${userSettings}`

export const devicesHelp = `
Examples:
  $ sotto devices --as alice
  $ sotto chat --as alice --link --data ./laptop
  $ sotto devices --as alice --revoke d8f3kQ

A new device shows a code; type it, with --link, where a linked one is kept. A
revoked device reads nothing any more, and your identity key becomes a new one.
${userSettings}`

export const verifyHelp = `
Examples:
  $ sotto verify bob --as alice
  $ sotto verify bob --as alice 05170 32108 ...

The number is over the identity keys of both, the same on both screens. Compare
it in person or in a call. Exit code 1 when it is another one.
${userSettings}`
