import { interrupted, unreachable, type ManualPage } from "./ManualPage.js"

/** Pages of the server, of the settings, and of the commands of an operator. */

export const serve: ManualPage = {
  summary: "Runs a chat server until SIGTERM or SIGINT, then delivers what it has accepted and exits.",
  description: [
    "Clients send lines. The first line is the client's name; every other line is `name, name: text`. So nc is a " +
      "client. Whatever the server accepts, it writes to the recipient or returns to the sender with a reason. A " +
      "fast sender is slowed to the speed of its recipient, and memory stays bounded.",
    "By default the server listens on the loopback address only. Without --store there are no passwords: anyone who " +
      "can reach it can log in under any free name. With --store, a name can be that of an account; see --accounts, " +
      "and `a-chat account`.",
    "After SIGTERM or SIGINT the server refuses new lines and delivers accepted ones, for up to --grace. A second " +
      "signal ends it immediately. Events are logged on standard error."
  ],
  statuses: [
    ["0", "Everything accepted was delivered or returned."],
    ["1", "The time of --grace ran out before that; the log has the counts."],
    ["2", "A flag is wrong, or an address is in use; the server did not start."]
  ],
  examples: [
    ["On the default port, for this machine only:", "a-chat serve"],
    ["On a Unix socket that only you can use:", "a-chat serve --unix ./chat.sock"],
    [
      "For everyone who can reach this machine, with small limits from the environment:",
      "ACHAT_MAX_LINE=4KiB ACHAT_RATE=100 a-chat serve --host 0.0.0.0 --log-format json"
    ]
  ]
}

export const config: ManualPage = {
  summary: "Prints the settings that serve or the clients would use, and where each of them comes from.",
  description: [
    "A setting is a flag of serve, an environment variable (ACHAT_MAX_LINE for --max-line), or a line in a TOML file " +
      '(`max-line = "4KiB"`). A flag overrides the environment, and the environment overrides the file. This command ' +
      "takes no flags of serve.",
    "With --client it shows the settings that all clients share, and those of a terminal: flags, variables, and " +
      "lines in $XDG_CONFIG_HOME/a-chat/client.toml, by default ~/.config/a-chat/client.toml. The clients read " +
      "that file whenever they start. A table `[servers.work]` in it, with the same settings, describes a server " +
      'for `--server work`; the line `server = "work"` makes it the default. The settings of a named server have ' +
      "the priority of the setting that names it: those of `--server work` override the environment, and other " +
      "flags override them. Paths in the file are relative to its folder."
  ],
  statuses: [
    ["0", "All settings are valid."],
    [
      "2",
      "Some settings are invalid: each mistake is a line on standard error, with its place. Or the output cannot be " +
        "written."
    ]
  ],
  examples: [
    ["The settings in effect, and their sources:", "a-chat config"],
    [
      "A server with a name:",
      `mkdir -p .config/a-chat
printf '%s\\n' 'login = "alice"' '[servers.work]' 'host = "tls://chat.example.org:8443"' > .config/a-chat/client.toml
XDG_CONFIG_HOME=$PWD/.config a-chat config --client`
    ],
    ["Check a file:", "echo 'max-line = \"4KiB\"' > chat.toml; a-chat config --check --config chat.toml"]
  ]
}

export const control: ManualPage = {
  summary: "Disconnects and bans clients of a running server, lists them, reloads and drains.",
  description: [
    "The server must run with --control PATH. Only the owner of that socket, and root, may use it.",
    "`kick NAME` disconnects a client; what it has not received returns to the senders. `ban ADDRESS|NAME` also " +
      "keeps it out: an IPv4 address, the /64 network of an IPv6 address, a range such as 10.0.0.0/8, or a name and " +
      "all that look the same. Digits and dots are an address; name=10.0.0.1 is a name. `unban` lifts a ban. `list` " +
      "prints the clients and the bans. `reload` does what SIGHUP does, and `drain` what SIGTERM does. `backup FILE` " +
      "writes a copy of the store, like `a-chat store backup`; the path is absolute.",
    "`room list` prints the rooms, `room create #ROOM [OWNER]` makes one and `room remove #ROOM` ends one with its " +
      "lines. After `room`, everything that owners do works without its slash, such as `room silence #ROOM NAME " +
      "10m`. `account` and `hook` do what the commands of these names do.",
    "Bans survive a reload and end with the server. With --json the answer is one object: `ok` is true or false, and " +
      "`error` says what is wrong. `list` has `bans` and `connections`, with the fields of /connections on the " +
      "admin port."
  ],
  statuses: [
    ["0", "The server did it."],
    ["1", "The server refused: there is no such client or ban, the settings have a mistake, or the backup failed."],
    unreachable,
    ["3", "The connection was lost before the answer: the server may have done it."],
    interrupted
  ],
  examples: [
    ["Everyone who is connected, and all bans:", "a-chat control --socket ./control.sock list"],
    ["Disconnect bob, and keep him out for an hour:", "a-chat control --socket ./control.sock ban bob --for 1h"],
    ["Keep a network out:", "a-chat control --socket ./control.sock ban 192.0.2.0/24 --json"],
    ["The rooms, and their owners:", "a-chat control --socket ./control.sock room list"],
    ["Stop in order, like SIGTERM:", "a-chat control --socket ./control.sock drain"]
  ]
}

export const store: ManualPage = {
  summary: "Checks, saves, moves and exports what a server has stored.",
  description: [
    "--store names the store, which no server may be using: a file, or `postgres://…`. To back up a running " +
      "server, use --socket, the path of its --control; the server keeps storing lines.",
    "`check` reads everything and prints each fault. `backup FILE` writes a complete copy to a new file, which " +
      "a server can use: clients notice that it is another log. `copy FROM TO` copies a store to another one, " +
      "which must be new or empty, such as from a file to a database. `export` prints everything as JSON, one " +
      "object on each line, and `import` reads that into a store that is new or empty.",
    "All of these contain the texts, and the hashes of passwords and tokens. Nothing is encrypted."
  ],
  statuses: [
    ["0", "It is done; with check, there are no faults."],
    [
      "1",
      "check found faults, which it has printed; copy or export left out what is damaged, and named it; or the " +
        "server refused the backup."
    ],
    [
      "2",
      "A flag is wrong, the store or the socket cannot be opened, or it failed; one line on standard error says why."
    ],
    ["3", "The connection was lost before the answer: the backup may not be complete."],
    interrupted
  ],
  examples: [
    ["Is everything there, and is it intact?", "a-chat store check --store ./a-chat.db"],
    ["A copy, to restore it later:", "a-chat store backup --store ./a-chat.db ./a-chat-backup.db"],
    ["The same of a server that runs:", "a-chat store backup --socket ./control.sock ./a-chat-backup.db"],
    ["Show its first lines:", "a-chat store export --store ./a-chat.db | head -n 3"]
  ]
}

export const account: ManualPage = {
  summary: "Adds, removes and lists accounts, and sets their passwords.",
  description: [
    "Use --socket, the path of its --control, for a running server, and --store for the store of a stopped one. " +
      "While a server uses a store, nothing else can open it.",
    "`add NAME` creates an account and `password NAME` sets its password. The password is the first line of the " +
      "standard input; at a terminal the command asks for it twice, and shows nothing. A new password logs all " +
      "clients of the account out; tokens keep working. `remove NAME` removes an account with its devices and " +
      "tokens. Its name stays taken, so that nobody is mistaken for the former owner, until `free NAME`. `list` " +
      "prints all accounts, and their devices.",
    "With --json the answer is one object: `ok` is true or false, and `error` says what is wrong. `list` has " +
      "`accounts`; times are in milliseconds since 1970."
  ],
  statuses: [
    ["0", "It was done."],
    ["1", "It was not: there is no such account, or the name is taken."],
    unreachable,
    ["3", "The connection was lost before the answer: the server may have done it."],
    interrupted
  ],
  examples: [
    [
      "An account for alice, with the password from a password manager:",
      "printf 'correct horse\\n' | a-chat account add alice --store ./a-chat.db"
    ],
    ["All accounts:", "a-chat account list --store ./a-chat.db"]
  ]
}

export const hook: ManualPage = {
  summary: "Adds, removes and lists the webhooks of a running server.",
  description: [
    "A webhook posts to its rooms, and can do nothing else. The server has to run with --web and --hooks; --socket " +
      "is the path of its --control.",
    "`add ID` makes a webhook and prints its secret, which is never shown again. Its sender posts to `/hook/ID` of " +
      "the --web port; the id is no secret. With github, give the secret to GitHub, which signs with it. GitLab " +
      "sends it in `X-Gitlab-Token`, and all others in `Authorization: Bearer SECRET`. `remove ID` ends a webhook, " +
      "and `list` prints all of them.",
    "The server has a table for each kind, which turns an event into one line; events that are not in the table " +
      "are ignored. --template replaces the table: a text with fields in braces. `{repository.name}` is a value " +
      "of the payload, `{alerts.0.status}` that of the first of several, `{alerts.*.labels.instance}` lists all, " +
      "and `{title|message}` is the first that is there. After a colon: `first` is the first line, `short` the " +
      "first 7 characters, `ref` a Git reference without refs/heads/, `upper` in capitals, `count commit` the " +
      "number of elements, such as 3 commits. `{{` is a brace.",
    "The lines come under --name. Where an account has this name they come as its lines, and nobody else can " +
      "have it; a webhook without an account posts as a guest, and cannot post while a client with this name is " +
      "present."
  ],
  statuses: [
    ["0", "It was done."],
    ["1", "It was not: there is no such webhook, the id is taken, or the template has a mistake."],
    unreachable,
    ["3", "The connection was lost before the answer: the server may have done it."],
    interrupted
  ],
  examples: [
    [
      "Events of a repository, for two rooms:",
      "a-chat hook add widgets --kind github --room '#dev' --room '#ops' --socket ./control.sock"
    ],
    [
      "Any program that sends JSON:",
      "a-chat hook add deploys --kind custom --room '#ops' --template '{app} {version} is on {host}' --socket " +
        "./control.sock"
    ],
    ["All webhooks:", "a-chat hook list --socket ./control.sock"]
  ]
}

export const nodes: ManualPage = {
  summary: "Shows the nodes of a cluster as one of them sees them.",
  description: [
    "--socket is the path of the server's --control; the server has to run with --cluster. Each node that this one " +
      "knows has a row: how long it has been silent, how much of --cluster-window is on its way to it, and how many " +
      "frames were sent to it again because they, or their acknowledgements, were lost. A silence of some seconds is " +
      "not normal: the node is stopped or cut off, and after --cluster-term it is taken for lost.",
    "A suspended node writes no messages, because the others may take it for lost. Its clients stay connected, lines " +
      "from them return as unavailable, and logins are refused until it reaches NATS again.",
    "With --json the answer is one object, in which `cluster` has the same and more; times are in milliseconds."
  ],
  statuses: [
    ["0", "The nodes were printed, also if this one is suspended."],
    ["1", "The server is not part of a cluster."],
    unreachable,
    ["3", "The connection was lost before the answer."],
    interrupted
  ],
  examples: [
    ["The nodes:", "a-chat nodes --socket ./control.sock"],
    ["The same for a program:", "a-chat nodes --json --socket ./control.sock"]
  ]
}
