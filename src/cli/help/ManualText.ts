/** The text of the manual: a page for each command. A test runs every example. */

/** What `--help` says about a command in addition to its flags. */
export interface ManualPage {
  /** One sentence, for the list of commands and for completions. */
  readonly summary: string
  readonly description: ReadonlyArray<string>
  /** The exit statuses, and what each means. */
  readonly statuses: ReadonlyArray<readonly [status: string, meaning: string]>
  /** Shell scripts, and what each does. */
  readonly examples: ReadonlyArray<readonly [about: string, script: string]>
}

const unreachable = [
  "2",
  "A flag is wrong, there was no connection, or the output cannot be written; one line on standard error says why."
] as const

const accounts =
  "Where the login's account takes a password, it comes from --password-file, --password-command or the variable " +
  "ACHAT_PASSWORD; at a terminal, the command asks if it has none. There is no flag for it, because others can see the " +
  "flags of a program. The command then fetches a token for the device, and keeps it in $XDG_STATE_HOME/a-chat/tokens, " +
  "readable only by you. It uses the token from then on, and the password only when the server refuses the token. " +
  "`--login alice/phone` names the device, which otherwise is `main`: one that logs in again replaces its earlier " +
  "connection. A secret is sent only to a server that says that it has accounts, and only with TLS, over a Unix socket or " +
  "within this machine."

const interrupted = ["130, 143", "SIGINT (Ctrl-C) or SIGTERM ended it."] as const

const reconnects =
  "When the connection is lost, the command says so on standard error and reconnects: after 1 s at first, then after twice " +
  "as long each time, up to 30 s. Each delay is shortened at random, so that clients do not reconnect all together. With " +
  "--no-reconnect the command exits instead."

const serve: ManualPage = {
  summary: "Runs a chat server until SIGTERM or SIGINT, then delivers what it has accepted and exits.",
  description: [
    "Clients send lines. The first line is the client's name; every other line is `name, name: text`. So nc is a client. " +
      "Whatever the server accepts, it writes to the recipient or returns to the sender with a reason. A fast sender is " +
      "slowed to the speed of its recipient, and memory stays bounded.",
    "By default the server listens on the loopback address only. Without --store there are no passwords: anyone who can " +
      "reach it can log in under any free name. With --store, a name can be that of an account; see --accounts, and " +
      "`a-chat account`.",
    "After SIGTERM or SIGINT the server refuses new lines and delivers accepted ones, for up to --grace. A second signal " +
      "ends it immediately. Events are logged on standard error."
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

const connect: ManualPage = {
  summary: "Joins a chat: with a prompt at a terminal, as a filter in a pipe.",
  description: [
    "--server names the server: `tls://HOST:PORT`, `tcp://HOST:PORT`, `unix:PATH`, or a name from the settings file, which " +
      "`a-chat config --help` describes.",
    "At a terminal the prompt stays at the bottom. `bob, carol: hi` writes to both, and so do the following lines until " +
      "you name other recipients. /reply replies to the last sender, /all to the other recipients as well, Tab completes " +
      "names, and /help lists the rest. Each of your lines is shown with its outcome. If the connection is lost, the client " +
      "reconnects, sends what it has not sent yet, and asks what to do about lines that may or may not have arrived. Your " +
      "lines are kept in " +
      "$XDG_STATE_HOME/a-chat/history. A message with your name in it, as a whole word in any case, is marked: `bob » hi " +
      "alice`. --bell mentions rings for nothing else.",
    "A row above the prompt lists the rooms and the users with unread lines. The lines that a server keeps are shown only " +
      "in their conversation: /go NAME leads to it, or its number; Alt-1 to Alt-9, Alt-Left and Alt-Right do as well, and " +
      "Alt-A leads to the next one with unread lines. There the last lines are shown, with a mark where you had stopped " +
      "reading, on any device of your account; PageUp or /history shows earlier ones. /join #ops enters a room, and `#ops: " +
      "hi` writes to it; /leave (or /part), /rooms, /members, /topic, /search and /mute are about rooms, and so are the " +
      "commands of a room's owner: /invite, /remove, /owner, /lock, /unlock, /silence, /unsilence and /slow. They are about " +
      "the room in the prompt if you name no other. In a room, only lines that mention you ring, and none in a muted one; " +
      "what you mute stays muted for your name on this server. A line to a room gets the mark of a stored one, and no " +
      "other: the server does not report who has received it. " +
      "`bob: hi` writes to bob alone, also in a room.",
    accounts,
    "At a terminal the client asks for the password that it needs. /register makes an account of your name and /password " +
      "changes its password: both ask for it, and show and keep nothing of it. /token, /devices and /forget manage your " +
      "devices.",
    "While the terminal does not have the focus, as far as it reports that, it is asked to show messages on the desktop, " +
      "with OSC 777 or OSC 9 (--notify-osc); in tmux this needs `set -g allow-passthrough on`, and `set -g focus-events on` " +
      'for the focus. --notify also runs a command of the shell, such as `notify-send -- "$ACHAT_FROM" "$(cat)"`. It gets ' +
      "the text and a line feed on its standard input, the sender in ACHAT_FROM, your name in ACHAT_LOGIN, yes or no in " +
      "ACHAT_MENTION, and the variables of the server, as with `a-chat exec`. Messages that come within two seconds, or while " +
      "the command runs, become one notification, of the last of them or of the last that mentions you; ACHAT_MORE is the " +
      "number of the others. The output of the command is dropped. When it ends, after ten seconds, or when you leave, the " +
      "processes left in its process group are ended.",
    "--log-dir keeps a log that only you can read, with a file for each conversation: `bob.log`, or `bob+carol.log` for " +
      "both. Each line is the time in UTC, a head, and the text, in which control characters are shown as `\\x1b`: " +
      "`2026-11-26T20:04:17.123Z from bob to=carol: lunch?`, `2026-11-26T20:04:21.950Z to bob+carol received: at noon`. " +
      "Your own line is logged when its outcome is known, once for each outcome: written, received, `returned " +
      "reason=offline`, `refused reason=too-long`, unknown, unsent, or sent to a server that reports none. Lines with `*` " +
      "say as whom and where you chat, and how many lines are missing. A folder to which other users can write is refused. " +
      "What prevents the log is reported once, and the chat goes on. Names that look the same share a file.",
    "In a pipe the client sends its input and prints what it receives, without notifications and without a log. Without " +
      "--login, the first line of the input is the name. At the end of its input the client leaves, prints what has arrived for it, and exits. Refusals are printed on " +
      "standard error, in lines that begin with `!`.",
    "In a pipe the server confirms that it took every line: the client sends /ping after the login, and /ping and /quit " +
      "after the input, and does not show the replies. Messages are received once the output has taken them: the client " +
      "also sends `/hello ack`, and shows neither the reply nor notices unless the input has a /hello as well. These lines " +
      "count for --rate. With --seq, kept lines have their numbers and times, which `/hello seq` in the input might give " +
      "only to lines after those that waited for the device (--login NAME/DEVICE). The original a-chat server confirms " +
      "nothing. A server that has sent nothing of its own 1 s after the end of the input counts as original. Status 0 " +
      "then only means that the server closed the connection in an orderly way."
  ],
  statuses: [
    ["0", "The client left, and nothing was refused."],
    ["1", "The server refused something, or returned a message."],
    unreachable,
    ["3", "The connection was lost, or the server did not confirm that it took every line of a pipe."],
    interrupted
  ],
  examples: [
    ["A message to yourself and back:", "echo 'alice: hello' | a-chat connect --login alice"],
    ["Check whether bob can be reached:", "echo 'bob: hi' | a-chat connect --login alice || echo 'bob is offline'"]
  ]
}

const send: ManualPage = {
  summary: "Sends a message, or each line of the input; the exit status says whether it was delivered.",
  description: [
    "The command waits until the server has delivered each line to every recipient, or has returned it. Returned lines " +
      "are reported on standard error with the reason. With --json every outcome is one object on standard output: `line`, " +
      "`to`, `outcome` (written, received, stored, returned, refused, unknown), `reason`, and `retry` in milliseconds; and " +
      "for an account `seq` and `at`, the number of the line in the conversation and when it was stored, and `again`, which " +
      "is true if it had been stored before. Written " +
      "means that the kernel of the server's machine has taken the line for the recipient, not that anyone has read it. " +
      "Received means that the recipient's program has: listen has printed it, or exec has started its program with it. " +
      "Stored means that the server keeps the line for the recipient's account, on disk if it has a file for that.",
    "--wait received waits until each line was received: by the recipient's program, or, where it is stored, by a device " +
      "of the account. Receipts may come as long after each other as --timeout says. A client that does not acknowledge " +
      "what it gets, such as nc, receives nothing in this sense.",
    "A room is a recipient such as '#ops', in quotes, because an unquoted # begins a comment in a shell. Lines to it are " +
      "stored. A line returns as `not-member` if the login is not in the room, and as `no-room` if there is none of that " +
      "name, or a locked one. --join enters the room first: an account stays in it, and a guest leaves it with the command.",
    "An argument such as `--retires` before the text is a mistyped flag, and nothing is sent; so is one within the text " +
      "that resembles a flag of this command. After `--`, everything is text.",
    "Input of any length is sent in constant memory, no faster than the recipients take it or the server's announced " +
      "rate allows.",
    "With --retry, a line that may succeed later is sent again when the server says so, unless that is longer than " +
      "--timeout; the lines after it wait. So is a line that a server which shuts down has not accepted. A connection " +
      "that is refused, or that ends before the login, is tried again. A line whose outcome is unknown, as after " +
      "a lost connection, is sent again only from an account and to an account, with a label by which the server stores it " +
      "once; any other ends the command with status 3. With --wait-for, the lines wait for a recipient that is absent.",
    accounts,
    "Without --login the name is made from the user and the machine, with a suffix if it is taken. A name from the " +
      "environment gets a suffix, too. Only a client that is present takes the name: several `a-chat send` may use one " +
      "name at once. They are not announced and not listed by `a-chat who`, and messages to that name are returned as " +
      "`offline`. With --json a returned line has `like` where a name that is present looks the same as the absent one.",
    "With --auto the messages are marked as those of a program, and no `a-chat exec` answers them. In the program of an " +
      "`a-chat exec` that is the default: bots that send each other what they get would go on without end."
  ],
  statuses: [
    ["0", "Everything was delivered to every recipient."],
    ["1", "Something was returned or refused."],
    [
      "2",
      "A flag is wrong, there was no connection, the server does not report outcomes, or the output cannot be written."
    ],
    [
      "3",
      "An outcome is unknown: the connection was lost, no outcome arrived within --timeout, one was invalid, or a signal " +
        "came first."
    ],
    ["4", "With --wait received: everything was delivered, but something was not received within --timeout."],
    ["130, 143", "SIGINT (Ctrl-C) or SIGTERM ended it, and no outcome is unknown."]
  ],
  examples: [
    ["A message, with a check:", "a-chat send bob 'the build is done' || echo 'bob does not know'"],
    ["To several recipients, for a program:", "a-chat send bob,carol 'hi' --json || true"],
    ["A text that looks like a flag:", "a-chat send bob -- '--retry is a flag of send' || true"],
    ["To everybody in a room:", "a-chat send --join '#ops' 'the build is done' || true"],
    ["Every line of a file, with retries:", "seq 3 | a-chat send bob --retry 10 || true"],
    ["Without waiting, which also works with the original server:", "a-chat send bob 'hi' --wait none || true"]
  ]
}

const ask: ManualPage = {
  summary: "Sends a question and prints the answer; the exit status says whether one came.",
  description: [
    "The answer is the next message from the recipient. Only its text is printed, once the question has been sent; with " +
      "several recipients each line is `from bob: TEXT`. With --json it is an object as `a-chat listen` prints it. Other " +
      "messages that arrive meanwhile are printed on standard error.",
    "Each message is a line, and nothing marks the end of an answer. So --lines says how many lines to wait for, and with " +
      "--quiet the answer ends when no further line has come for that time. An answer of `a-chat exec` has as many lines as " +
      "its program prints. What comes after the answer returns to its sender.",
    "Several recipients are asked at once, and each of them has to answer; with --any the first complete answer is enough.",
    "--timeout bounds everything from the connection to the answer. --retry and --wait-for send the question again as " +
      "`a-chat send` does, until then.",
    "Without a text, the input is the question: one line. An argument such as `--retires` before the text is a mistyped " +
      "flag, and nothing is sent. After `--`, everything is text.",
    "Without --login the name is made from the user and the machine, with a random suffix, so that a late answer to one " +
      "question is never taken for the answer to the next. With a name of your own, questions one after the other can be " +
      "confused in that way. A name from the environment gets a suffix if it is taken. While the command waits, the " +
      "name is present like that of any client.",
    "An `a-chat exec` answers the question, unless --auto marks it as that of a program. In the program of an `a-chat exec` " +
      "that is the default: bots that ask each other for each question would go on without end.",
    "The answer is received, for the server and its sender, once the output has taken it.",
    accounts
  ],
  statuses: [
    ["0", "Every recipient answered, or with --any one of them."],
    ["1", "The question was returned or refused for some recipient, or with --any for all of them."],
    [
      "2",
      "A flag is wrong, there was no connection, the server does not report outcomes, or the output cannot be written."
    ],
    ["3", "The question may have arrived or not, also after a signal, or the connection was lost before the answer."],
    ["4", "The question arrived, but no complete answer came within --timeout."],
    ["130, 143", "SIGINT (Ctrl-C) or SIGTERM ended it after the question had arrived, or before it was sent."]
  ],
  examples: [
    ["A question, and five seconds for the answer:", "a-chat ask bob 'status?' --timeout 5s || echo \"status $?\""],
    [
      "The answer in a variable:",
      "answer=$(a-chat ask bob 'status?' --timeout 5s) || answer='nothing'; echo \"bob says $answer\""
    ],
    [
      "All lines of a bot, until it says nothing for half a second:",
      "a-chat ask bot 'list' --quiet 500ms --timeout 5s || true"
    ],
    ["Whoever answers first:", "a-chat ask bob,carol 'lunch?' --any --timeout 5s || true"]
  ]
}

const config: ManualPage = {
  summary: "Prints the settings that serve or the clients would use, and where each of them comes from.",
  description: [
    "A setting is a flag of serve, an environment variable (ACHAT_MAX_LINE for --max-line), or a line in a TOML file " +
      '(`max-line = "4KiB"`). A flag overrides the environment, and the environment overrides the file. This command ' +
      "takes no flags of serve.",
    "With --client it shows the settings that all clients share, and those of a terminal: flags, variables, and lines in " +
      "$XDG_CONFIG_HOME/a-chat/client.toml, by default ~/.config/a-chat/client.toml. The clients read that file whenever " +
      "they start. A table `[servers.work]` in it, with the same settings, describes a server for `--server work`; the line " +
      '`server = "work"` makes it the default. The settings of a named server count as much as its name: those of `--server ' +
      "work` override the environment, and further flags override them. Paths in the file are relative to its folder."
  ],
  statuses: [
    ["0", "All settings are valid."],
    [
      "2",
      "Some settings are invalid: each mistake is a line on standard error, with its place. Or the output cannot be written."
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

const listen: ManualPage = {
  summary: "Prints the messages that arrive.",
  description: [
    "Each message is one line: `from alice: hi`, or with --json an object with `from`, `text` and `at`, the time of " +
      "arrival, or, of a message that was kept, the time when it was stored. That one also has `seq`, its number in the " +
      "conversation, and `guest`: true if a guest sent it. If a program sent the message, it also has `auto`: true (protocol, section 6); if there were other " +
      "recipients, it has them in `to`, an array of at most 20 names. Other lines from the server are not printed. At a terminal, control characters are shown as `\\x1b`; a " +
      "pipe gets the text unchanged.",
    "With --room '#ops' the command enters the room and prints only what is written there: `from alice #ops: hi`, and with " +
      "--json an object with `room`. A room's name needs quotes in a shell, where # begins a comment. An account stays in the " +
      "room when the command ends, and its device gets in the next run what was written meanwhile: a job that runs every " +
      "hour with a device of its own, `--login alice --device ci`, gets every line once. A guest is in the room only meanwhile; after a " +
      "lost connection it enters again, and reads what it has missed.",
    "With --since the command prints what is kept in the room from a line on, or from a time, and exits: `--since 1` is " +
      "everything, and `10m`, `2026-11-27` or `2026-11-27T08:00Z` is a time. With --follow it goes on with new messages, " +
      "without a gap and without a repeat. `a-chat history` prints the end of a conversation.",
    "The command reads no faster than its output is taken, which slows the senders. A login that is in use is an error at " +
      "the start. Later it is tried again, because the server may not have noticed yet that the old connection is lost. " +
      "Messages after the last one of --count are not printed, and return to their senders.",
    "A message is received, for the server and its sender, once the output has taken it. Messages that are not printed " +
      "because the command is killed, or because its output cannot be written, return to their senders. While the output " +
      "takes nothing, the messages wait at the server, which holds the senders.",
    "Messages to an account are kept for it, and come when it does. What the server gives again, after a crash or a lost " +
      "connection, is not printed again: the number of the last message of each conversation is recorded in " +
      "$XDG_STATE_HOME/a-chat/seen. A gap, where messages are no longer kept that were not printed, is a line on standard " +
      "error, with --json an object with `gap`, `first` and `last` as well, and makes the status 1.",
    reconnects,
    accounts
  ],
  statuses: [
    [
      "0",
      "--count messages arrived, --timeout ran out without --count, what was kept was printed, or the reader of the output " +
        "has gone."
    ],
    [
      "1",
      "--timeout ran out before --count messages arrived, some messages are no longer kept, or the server does not let the " +
        "login be in a room."
    ],
    unreachable,
    ["3", "The connection was lost, with --no-reconnect."],
    interrupted
  ],
  examples: [
    ["Everything for bob, for one second:", "a-chat listen --login bob --timeout 1s"],
    [
      "The next message from alice, or an error after one second:",
      "a-chat listen --login bob --from alice --count 1 --timeout 1s || echo 'nothing arrived'"
    ],
    ["As JSON, for jq and other programs:", "a-chat listen --login bob --json --timeout 1s > messages.json"],
    [
      "All that is kept of a room, and what follows:",
      "a-chat listen --login bob --room '#ops' --since 1 --follow --timeout 1s"
    ]
  ]
}

const exec: ManualPage = {
  summary: "Answers messages with a program: a bot in any language.",
  description: [
    "The program is started for each message. It gets the text and a line feed on its standard input, the sender in " +
      "ACHAT_FROM, and the name of --login in ACHAT_LOGIN. The only other ACHAT_ variables that it gets are those of the " +
      "server, so that an `a-chat send` in the program reaches the same one: ACHAT_HOST and ACHAT_PORT, or ACHAT_UNIX, and " +
      "with --tls ACHAT_TLS, ACHAT_CA and ACHAT_SERVER_NAME, but not the client's certificate and key.",
    "Each line that the program prints goes back to the sender. Its standard error is that of this command. With " +
      "--concurrency 1, messages are answered in order. While --concurrency programs run, no further message is read, " +
      "which slows the senders.",
    "When the program fails, one line on standard error says so, and the sender gets `the program failed (exit status 3)`, " +
      "but at most once a minute, because the sender may be a program that answers it. " +
      "An answer that does not reach the sender is reported on standard error, too. Control characters in an answer are " +
      "shown as `\\x1b`. A line that is too long for the server is replaced by a line that says so.",
    "A message is received, for the server and its sender, once its program has started. If the program cannot be started, " +
      "as while it is being replaced or while descriptors are short, the message waits, and those behind it. After 5 s of " +
      "attempts this command ends, and everything that waits returns to its senders. For an account, what the server gives " +
      "again after a crash or a lost connection starts no program again; see `a-chat listen`.",
    "With --room '#ops' the bot is in a room, too. There it answers what begins with its name: `bot: status`, `bot, status` or " +
      "`@bot status`; the program gets `status`, and the room in ACHAT_ROOM. Its lines go to the room. With --all it handles " +
      "every line that is written there. What a program has written is not answered in a room either.",
    "After the sender has left, further output of the program is dropped, but the program keeps running. It has its own " +
      "process group. When the program ends, its time runs out, the connection is lost, or this command ends, the " +
      "processes left in the group get SIGTERM, and three seconds later SIGKILL. Output of processes that have left " +
      "the group is dropped two seconds after that.",
    "A message from another program is not answered: from an `a-chat exec`, from an `a-chat send` or `a-chat ask` in its program (which " +
      "has ACHAT_AUTO), or from any client that said `/hello auto`. " +
      "Standard error reports the first one of each sender. An older bot looks like a person, so each sender has a rate. " +
      "With --rate 5, up to 20 messages at once are answered, and 5 per second in the long run. The messages that follow " +
      "are not answered for 4 s, which ends a loop. One line on standard error says so, and the sender is told once a " +
      "minute at most. For a bot that gets its work from scripts, use --rate off.",
    reconnects,
    accounts
  ],
  statuses: [
    ["1", "The server does not let the login be in a room."],
    ["2", "A flag is wrong, the program cannot be started, or there was no connection."],
    ["3", "The connection was lost, with --no-reconnect."],
    interrupted
  ],
  examples: [
    ["A bot that repeats each message:", "a-chat exec --login echo -- cat"],
    ["A bot that counts characters:", "a-chat exec --login count -- wc -c"],
    [
      "A bot in a room:",
      "a-chat exec --login clock --room '#ops' -- sh -c 'read -r text; echo \"hello $ACHAT_FROM, you said: $text\"'"
    ],
    [
      "Three lines of shell, for several senders at a time:",
      `a-chat exec --login greeter --concurrency 4 -- sh -c '
  read -r text
  echo "hello $ACHAT_FROM, you said: $text"
  date'`
    ]
  ]
}

const reading =
  "The command does not show up in the chat: it only sends commands, and takes no messages away from other devices. " +
  "Without --login it reads as a guest, which may read every room that is not locked, and enters it for the moment. An " +
  "account reads its direct conversations and the rooms that it is in; with --join it enters a room first, and stays in it."

const history: ManualPage = {
  summary: "Prints what was said in a room or a direct conversation.",
  description: [
    "The last 50 lines are printed, or as many as --limit says, the oldest first: `2026-11-27T08:00:00.000Z alice: hi`, in " +
      "UTC. With --since the command begins with a line of that number, or at a time, and prints everything from there on: " +
      "`--since 1` is all that is kept. A time is `10m` or `2d` ago, `2026-11-27`, or `2026-11-27T08:00`, here or with a " +
      "zone such as `Z`. --until ends with a line, or at a time. To go on with what is said next, see `a-chat listen " +
      "--since`.",
    "With --json each line is an object: `from`, `text`, `at`, `room` or, in a direct conversation, `with`, `seq`, and where " +
      "they apply `guest`, `auto` and `to`, as of `a-chat listen`.",
    reading,
    "A room's name needs quotes in a shell, where # begins a comment.",
    accounts
  ],
  statuses: [
    ["0", "The lines were printed; there may be none."],
    [
      "1",
      "The server refused: there is no such room, the login is not in it, or a guest asks for a direct conversation."
    ],
    unreachable,
    ["3", "The connection was lost, or no reply came within --timeout."],
    interrupted
  ],
  examples: [
    ["The last lines of a room:", "a-chat history '#ops' || true"],
    ["Everything since yesterday, for jq and other programs:", "a-chat history '#ops' --since 1d --json || true"],
    ["The first ten lines that are kept:", "a-chat history '#ops' --since 1 --limit 10 || true"]
  ]
}

const search: ManualPage = {
  summary: "Prints the lines that have all of the given words, newest first.",
  description: [
    "Words are compared without regard to their case. All conversations of the login are searched, or with --in one of them; " +
      "a guest has to name a room. Each line is `2026-11-27T08:00:00.000Z #ops alice: hi`, without the room where --in names " +
      "it. With --json it is an object as of `a-chat history`.",
    reading,
    accounts
  ],
  statuses: [
    ["0", "Some lines were found."],
    ["1", "None was, or the server refused."],
    unreachable,
    ["3", "The connection was lost, or no reply came within --timeout."],
    interrupted
  ],
  examples: [
    ["Who has spoken of the disk?", "a-chat search disk full --in '#ops' || echo 'nobody'"],
    ["Words that look like flags:", "a-chat search --in '#ops' -- --retry || true"]
  ]
}

const who: ManualPage = {
  summary: "Prints the names of the clients that are logged in.",
  description: [
    "Each name is one line, in the server's order. The command does not log in, so the other clients do not see it. The " +
      "original a-chat server has no commands, so the command fails once --timeout has run out."
  ],
  statuses: [["0", "The names were printed; there may be none."], unreachable, interrupted],
  examples: [
    ["Everyone who is logged in:", "a-chat who"],
    ["Check whether bob is logged in:", "a-chat who | grep -qx bob || echo 'bob is not here'"],
    ["For a program:", "a-chat who --json"]
  ]
}

const ping: ManualPage = {
  summary: "Measures the round-trip time to the server.",
  description: [
    "Each ping is a command. The server replies to it after everything else that it has to do for this connection. The " +
      "next ping is sent after --interval, once the previous one was answered or has timed out. The command does not log in. " +
      "Ctrl-C ends it early, with the summary so far."
  ],
  statuses: [
    ["0", "All pings were answered."],
    ["1", "Some were not, or the connection was lost."],
    ["2", "A flag is wrong, there was no connection, the first ping was not answered, or the output cannot be written."]
  ],
  examples: [
    ["Four pings, one second apart:", "a-chat ping"],
    ["A thousand in immediate succession:", "a-chat ping --count 1000 --interval 0 | tail -n 1"],
    ["Check whether the server is up:", "a-chat ping --count 1 --timeout 1s > /dev/null && echo 'it is up'"]
  ]
}

const control: ManualPage = {
  summary: "Disconnects and bans clients of a running server, lists them, reloads and drains.",
  description: [
    "The server must run with --control PATH. Only the owner of that socket, and root, may use it.",
    "`kick NAME` disconnects a client; what it has not received returns to the senders. `ban ADDRESS|NAME` also keeps it " +
      "out: an IPv4 address, the /64 network of an IPv6 address, a range such as 10.0.0.0/8, or a name and all that look " +
      "the same. Digits and dots are an address; name=10.0.0.1 is a name. `unban` lifts a ban. `list` prints the clients " +
      "and the bans. `reload` does what SIGHUP does, and `drain` what SIGTERM does. " +
      "`backup FILE` writes a copy of the store, like `a-chat store backup`; the path is absolute.",
    "Bans survive a reload and end with the server. With --json the answer is one object: `ok` is true or false, and " +
      "`error` says what is wrong. `list` has `bans` and `connections`, with the fields of /connections on the admin port."
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
    ["Stop in order, like SIGTERM:", "a-chat control --socket ./control.sock drain"]
  ]
}

const store: ManualPage = {
  summary: "Checks, saves, moves and exports what a server has stored.",
  description: [
    "--store names the store, which no server may be using: a file, or `postgres://…`. A server that runs is asked for a " +
      "backup with --socket, the path of its --control; it goes on storing lines meanwhile.",
    "`check` reads everything and prints each fault. `backup FILE` writes a complete copy to a new file, which a server can " +
      "use: clients notice that it is another log. `copy FROM TO` copies a store to another one, which must be new or " +
      "empty, such as from a file to a database. `export` prints everything as JSON, one object on each line, and " +
      "`import` reads that into a store that is new or empty.",
    "Texts and the hashes of passwords and tokens are in all of these. Nothing is encrypted."
  ],
  statuses: [
    ["0", "It is done; with check, there are no faults."],
    [
      "1",
      "check found faults, which it has printed; copy or export left out damaged lines; or the server refused the backup."
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
    ["Look into it:", "a-chat store export --store ./a-chat.db | head -n 3"]
  ]
}

const account: ManualPage = {
  summary: "Adds, removes and lists accounts, and sets their passwords.",
  description: [
    "A server that runs is reached with --socket, the path of its --control. The store of a server that does not run is " +
      "opened with --store. While a server uses a store, nothing else can open it.",
    "`add NAME` creates an account and `password NAME` sets the password of one. The password is the first line of the " +
      "standard input; at a terminal the command asks for it twice, and shows nothing. A new password logs all clients of " +
      "the account out; tokens keep working. `remove NAME` removes an account with its devices and tokens. Its name stays " +
      "taken, so that nobody is mistaken for the former owner, until `free NAME`. `list` prints all accounts, and their " +
      "devices.",
    "With --json the answer is one object: `ok` is true or false, and `error` says what is wrong. `list` has `accounts`; " +
      "times are in milliseconds since 1970."
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

const hook: ManualPage = {
  summary: "Adds, removes and lists the webhooks of a running server.",
  description: [
    "A webhook posts to its rooms, and can do nothing else. The server has to run with --web and --hooks; --socket is the " +
      "path of its --control.",
    "`add ID` makes a webhook and prints its secret, which is shown only now. Its sender posts to `/hook/ID` of the --web " +
      "port; the id is no secret. With github, give the secret to GitHub, which signs with it. GitLab sends it in " +
      "`X-Gitlab-Token`, and all others in `Authorization: Bearer SECRET`. `remove ID` ends a webhook, and `list` prints " +
      "all of them.",
    "Each event becomes one line, by a table of the server for the kind; other events are ignored. --template takes its " +
      "place: text with fields in braces. `{repository.name}` is a value of the payload, `{alerts.0.status}` that of the " +
      "first of several, `{alerts.*.labels.instance}` lists all, and `{title|message}` is the first that is there. After a " +
      "colon: `first` is the first line, `short` the first 7 characters, `ref` a Git reference without refs/heads/, " +
      "`upper` in capitals, `count commit` the number of elements, such as 3 commits. `{{` is a brace.",
    "The lines come under --name. Where an account has this name they come as its lines, and nobody else can have it; a " +
      "webhook without an account posts as a guest, and cannot while somebody with this name is present."
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
      "a-chat hook add deploys --kind custom --room '#ops' --template '{app} {version} is on {host}' --socket ./control.sock"
    ],
    ["All webhooks:", "a-chat hook list --socket ./control.sock"]
  ]
}

const nodes: ManualPage = {
  summary: "Shows the nodes of a cluster as one of them sees them.",
  description: [
    "--socket is the path of the server's --control; the server has to run with --cluster. Each node that this one knows " +
      "has a row: how long it has been silent, how much of --cluster-window is on its way to it, and how many frames were " +
      "sent to it again because they, or their acknowledgements, were lost. A silence of some seconds is not normal: the " +
      "node is stopped or cut off, and after --cluster-term it is taken for lost.",
    "A suspended node writes no messages, because the others may take it for lost. Its clients stay connected, lines from " +
      "them return as unavailable, and logins are refused until it reaches NATS again.",
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

export const pages = {
  serve,
  connect,
  send,
  ask,
  listen,
  exec,
  history,
  search,
  who,
  ping,
  config,
  control,
  store,
  account,
  hook,
  nodes
} satisfies Record<string, ManualPage>

export type CommandName = keyof typeof pages
