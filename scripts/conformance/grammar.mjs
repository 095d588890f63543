// The grammar of the server's lines (PROTOCOL.md); every received line is checked against it. Imported, not run.

const label = "(?: @[A-Za-z0-9_.-]{1,32})?"
const name = "[^\\s:,=@]+"
const names = `${name}(?:, ${name})*`
const room = "#[^\\s:,=@]+"
const by = `(?:\\*operator|${name})`
const reasons = [
  `offline(?: like=[^\\s:,=@]+)?(?: count=\\d+)?`,
  "busy retry=\\d+(?: count=\\d+)?",
  "disconnected(?: count=\\d+)?",
  "slow(?: count=\\d+)?",
  "unreachable(?: count=\\d+)?",
  "node-lost(?: count=\\d+)?",
  "full(?: count=\\d+)?",
  "unavailable retry=\\d+(?: count=\\d+)?",
  "(?:expired|removed) first=\\d+ last=\\d+ count=\\d+",
  "(?:no-room|not-member)(?: count=\\d+)?",
  "(?:silenced|slow-mode) retry=\\d+(?: count=\\d+)?"
].join("|")

const count = "(?: count=\\d+)?"

const refusals = {
  undelivered: ` ${names} reason=(?:${reasons})`,
  "bad-line": count,
  "too-long": ` max=\\d+${count}`,
  "too-many-recipients": ` max=\\d+${count}`,
  "slow-down": ` retry=\\d+(?: fatal|${count})`,
  "unknown-command": `(?: [^\\s:]+)?${count}`,
  "label-used": ` ${name}`,
  gap: ` ${name} first=\\d+ last=\\d+`,
  closing: `(?:${count}| retry=\\d+ fatal)`,
  "bad-login": " fatal",
  "login-in-use": ` ${name} fatal`,
  "login-timeout": " fatal",
  full: " retry=\\d+ fatal",
  kicked: " fatal",
  banned: "(?: retry=\\d+)? fatal",
  "password-required": ` ${name} fatal`,
  "wrong-password": " fatal",
  "account-required": " fatal",
  "tls-required": " fatal",
  "logged-out": " reason=[a-z]+ fatal",
  refused: ` [a-z]+ reason=[a-z-]+(?: like=${name})?(?: retry=\\d+)?${count}`
}

const pageParams = "(?: first=\\d+ last=\\d+(?: damaged=\\d+(?:-\\d+)?(?:\\+\\d+(?:-\\d+)?)*)?)?"

const notices = {
  who: " \\d+",
  accounts: " \\d+",
  pong: "",
  bye: " reason=[a-z-]+",
  help: "",
  hello: "(?: [a-z-]+=[^\\s:]+)+",
  written: ` ${names}`,
  received: ` ${names}`,
  stored: ` ${names}(?: seq=\\d+ at=\\d+)?(?: again=yes)?`,
  delivered: ` ${name} seq=\\d+`,
  sent: ` ${name} seq=\\d+ at=\\d+`,
  joined: ` (?:${room} ${name}(?: guest=yes)?|${name})`,
  left: ` (?:${room} ${name}(?: by=${by})?|${name})`,
  closing: " grace=\\d+ return=\\d+",
  registered: ` ${name}`,
  "password-changed": " tokens=\\d+",
  token: ` ${name} achat_[0-9a-f]{32}`,
  device: ` ${name}(?: here=yes)?(?: token=yes)? seen=\\d+`,
  forgot: ` ${name}`,
  room: ` ${room} members=\\d+ last=\\d+(?: in=yes)?(?: locked=yes)?(?: owner=${name})?`,
  members: ` ${room} \\d+ here=\\d+`,
  topic: ` ${room}(?: ${by})?`,
  invited: ` ${room} (?:${name} by=${by}|${by})`,
  locked: ` ${room} ${by}`,
  unlocked: ` ${room} ${by}`,
  silenced: ` ${room} ${name} by=${by} until=\\d+`,
  unsilenced: ` ${room} ${name} by=${by}`,
  slow: ` ${room} ${by} millis=\\d+`,
  owner: ` ${room} ${name}`,
  past: ` ${name} ${name}(?: [^\\s:]+=[^\\s:]+)* seq=\\d+ at=\\d+`,
  conversation: ` ${name}(?: guest=yes)? last=\\d+ read=\\d+ at=\\d+`,
  read: ` ${name} seq=\\d+`,
  end: ` (?:[a-z]+ count=\\d+(?: damaged=yes)?|members ${room}|history ${name}${pageParams}(?: more=yes)?)`
}

const pattern = (mark, codes) =>
  `[${mark}] (?:${Object.entries(codes)
    .map(([code, params]) => `${code}${label}${params}`)
    .join("|")}):(?: .*)?`

const anyLine = new RegExp(
  `^(?:from ${name}(?: ${room})?(?: [^\\s:]+=[^\\s:]+)*: .*|${pattern("!", refusals)}|${pattern("*", notices)})$`,
  "su"
)

const isFatal = /^! [^:]* fatal:/u

/** Sentences about every line, which every check proves. */
export const proves = [
  "Other server lines are `! CODE params: text` and `* CODE params: text`.",
  "CODE is one word.",
  "Params are words or `key=value`, each after one space, and none of them contains a `:`.",
  "`fatal` is the last parameter of a `!` line exactly when the server closes the connection after this line.",
  "a message: `from alice: hi`",
  "something that the client asked for and that did not happen",
  "a reply to a command, or a notice that the client asked for with `/hello`"
]

/** What a line from the server should have been, given the line before it; undefined if it is valid. */
export const fault = (line, before) => {
  if (before !== undefined && isFatal.test(before)) return "no line after a fatal one"
  if (!anyLine.test(line)) return "a line of PROTOCOL.md's grammar"
  return undefined
}
