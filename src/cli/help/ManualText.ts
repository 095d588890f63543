/** The manual, a page for each command. A test runs every example. */

/** What `--help` tells of a command besides its flags. */
export interface Page {
  /** One sentence, for the list of commands and for completions. */
  readonly summary: string
  readonly description: ReadonlyArray<string>
  /** Exit statuses, and what each means. */
  readonly statuses: ReadonlyArray<readonly [status: string, meaning: string]>
  /** Scripts for a shell, and what each does. */
  readonly examples: ReadonlyArray<readonly [about: string, script: string]>
}

const unreachable = ["2", "A flag is wrong, or there was no connection; one line on standard error says why."] as const

const interrupted = ["130, 143", "It was ended by SIGINT (Ctrl-C) or SIGTERM."] as const

const comesBack =
  "When the connection is lost it says so on standard error and comes back, after 1 s at first and then twice as long " +
  "each time up to 30 s, shortened by chance so that not everybody comes at once. With --no-reconnect it ends."

const serve: Page = {
  summary: "Serves a chat until SIGTERM or SIGINT, then delivers what was accepted and ends.",
  description: [
    "Clients speak lines: the first one is a name, every other one is `name, name: text`, so that nc is a client. What " +
      "the server accepts it writes to the recipient, or returns to the sender with the reason; a fast sender is slowed " +
      "to the speed of its recipient, and memory stays bounded.",
    "It listens on the loopback address unless told otherwise. There are no passwords: whoever reaches it can log in " +
      "under any free name.",
    "At SIGTERM or SIGINT new lines are refused and accepted ones delivered, for as long as --grace allows; a second " +
      "signal ends it at once. Events are logged on standard error."
  ],
  statuses: [
    ["0", "Everything that was accepted was delivered or returned."],
    ["1", "The grace time was over before that; the log says how much was cut off."],
    ["2", "A flag is wrong, or an address is in use; nothing was begun."]
  ],
  examples: [
    ["On the default port, for this machine alone:", "a-chat serve"],
    ["Over a Unix socket that only you may use:", "a-chat serve --unix ./chat.sock"],
    [
      "For everybody who reaches this machine, with small limits from the environment:",
      "ACHAT_MAX_LINE=4KiB ACHAT_RATE=100 a-chat serve --host 0.0.0.0 --log-format json"
    ]
  ]
}

const connect: Page = {
  summary: "Chats: at a terminal with a prompt, in a pipe as a filter.",
  description: [
    "At a terminal it keeps a prompt at the bottom. `bob, carol: hi` writes to both, and so do the lines behind it, until " +
      "others are named; /reply answers who wrote last, Tab completes names, and /help tells the rest. Each own line is " +
      "shown with what became of it. If the server goes away, it comes back, sends what was not sent, and asks about " +
      "lines that may have arrived or not. What is typed is kept in $XDG_STATE_HOME/a-chat/history.",
    "In a pipe the input is sent and what comes is printed. Without --login the first line of the input is the name. At " +
      "the end of its input it leaves, gets what was for it, and ends. What the server refused is on standard error, " +
      "in lines that begin with `!`.",
    "In a pipe the server confirms that it took every line: /ping follows the login, and /ping and /quit follow the " +
      "input, and their answers are not shown. They count as lines for --rate. An original a-chat server confirms " +
      "nothing. One that has said nothing of its own 1s after the end of the input counts as original, and then 0 means " +
      "only that it closed the connection in order after that."
  ],
  statuses: [
    ["0", "It left, and nothing was refused."],
    ["1", "The server refused something, or returned a message."],
    unreachable,
    ["3", "The server went away, or did not confirm that it took every line of a pipe."],
    interrupted
  ],
  examples: [
    ["A message to oneself, and back:", "echo 'alice: hello' | a-chat connect --login alice"],
    ["Whether bob is there to be written to:", "echo 'bob: hi' | a-chat connect --login alice || echo 'he is not'"]
  ]
}

const send: Page = {
  summary: "Sends a message, or each line of the input, and tells by its exit status what became of it.",
  description: [
    "It waits until the server has written each line to every recipient, or has returned it; what was returned is told " +
      "on standard error with its reason, or with --json on standard output, where every outcome is one object: `line`, " +
      "`to`, `outcome` (written, returned, refused, unknown), `reason`, and `retry` in milliseconds. Written means that " +
      "the kernel of the server has it for the recipient, not that anybody has read it.",
    "Any number of lines goes through in constant memory, and no faster than the recipients take them. With --retry a " +
      "line that may succeed later is sent again when the server says so, and the lines behind it wait for that.",
    "Without --login the name is the user's and the machine's, with a suffix if that is taken; a name from the " +
      "environment gets one, too. What is sent to that name is not shown."
  ],
  statuses: [
    ["0", "Everything was written to every recipient."],
    ["1", "Something was returned or refused."],
    ["2", "A flag is wrong, there was no connection, or the server does not tell outcomes."],
    ["3", "Nobody knows: the connection broke, or no outcome came in the time of --timeout."],
    interrupted
  ],
  examples: [
    ["A message, and whether it arrived:", "a-chat send bob 'the build is done' || echo 'bob does not know'"],
    ["To several, for a program:", "a-chat send bob,carol 'hi' --json || true"],
    ["Each line of a file, patiently:", "seq 3 | a-chat send bob --retry 10 || true"],
    ["Without waiting, also to an original server:", "a-chat send bob 'hi' --wait none || true"]
  ]
}

const config: Page = {
  summary: "Tells the settings that serve would have, and where each of them comes from.",
  description: [
    "A setting is a flag of serve, its variable in the environment (--max-line is ACHAT_MAX_LINE), or its line in a file: " +
      '`max-line = "4KiB"`, in TOML. A flag counts more than the environment, and that more than the file. Flags are not ' +
      "looked at here."
  ],
  statuses: [
    ["0", "The settings are good."],
    ["2", "Some are not; each mistake is a line on standard error, with its place."]
  ],
  examples: [
    ["What counts, and why:", "a-chat config"],
    ["Whether a file is good:", "echo 'max-line = \"4KiB\"' > chat.toml; a-chat config --check --config chat.toml"]
  ]
}

const listen: Page = {
  summary: "Prints the messages that come.",
  description: [
    "One message is one line: `from alice: hi`, or with --json an object with `from`, `text` and `at`, the time of " +
      "arrival. Everything else that a server says is left out. At a terminal, characters that could steer it are " +
      "shown as `\\x1b`; a pipe gets the text as it came.",
    "It reads as fast as its output is taken, and no faster, which slows the senders. A login that is in use is an " +
      "error at the start; later it is tried again, since the server may not have noticed yet that the old connection " +
      "is over. What had come behind the last message of --count is dropped, though its senders were told `written`.",
    comesBack
  ],
  statuses: [
    ["0", "The messages of --count came, the time of --timeout is over, or nobody reads the output any more."],
    ["1", "The time of --timeout was over before the messages of --count came."],
    unreachable,
    ["3", "The connection was lost, with --no-reconnect."],
    interrupted
  ],
  examples: [
    ["Everything for bob, for a second:", "a-chat listen --login bob --timeout 1s"],
    [
      "The next message from alice, or an error after a second:",
      "a-chat listen --login bob --from alice --count 1 --timeout 1s || echo 'nothing came'"
    ],
    ["As JSON, for jq and the like:", "a-chat listen --login bob --json --timeout 1s > messages.json"]
  ]
}

const exec: Page = {
  summary: "Answers messages with a program: a bot in any language.",
  description: [
    "For each message the program is started, gets the text and a line feed on its standard input, and in its " +
      "environment ACHAT_FROM, who wrote, and ACHAT_LOGIN, the name of --login. No other ACHAT_ variable reaches it but " +
      "those of the server, so that an `a-chat send` in it speaks to the same one: ACHAT_HOST and ACHAT_PORT, or " +
      "ACHAT_UNIX, and with --tls ACHAT_TLS, ACHAT_CA and ACHAT_SERVER_NAME, without the client's certificate and key.",
    "Each line that it prints goes back to the sender; its standard error is this command's. With --concurrency 1 messages are answered in their order. " +
      "While as many programs run as may, no further message is read, which slows the senders.",
    "A program that fails is one line on standard error, and the sender is told: `the program failed (exit status 3)`. " +
      "An answer that does not reach the sender is told of on standard error, too. Control characters in an answer are shown as `\\x1b`; in the place " +
      "of a line that is too long for the server stands one that says so.",
    "Once the sender has left, what the program still prints is dropped, and it goes on to its end. It has a process group " +
      "of its own. When it ends, when its time is over, when the connection is lost or this command ends, what is left of " +
      "the group gets SIGTERM, and three seconds later SIGKILL. What somebody who has left the group prints more than two " +
      "seconds after that is dropped. Two bots that answer each other do not stop.",
    comesBack
  ],
  statuses: [
    ["2", "A flag is wrong, there is no such program, or there was no connection."],
    ["3", "The connection was lost, with --no-reconnect."],
    interrupted
  ],
  examples: [
    ["A bot that says the same:", "a-chat exec --login echo -- cat"],
    ["One that counts letters:", "a-chat exec --login count -- wc -c"],
    [
      "Three lines of shell, for several at a time:",
      `a-chat exec --login greeter --concurrency 4 -- sh -c '
  read -r text
  echo "hello $ACHAT_FROM, you said: $text"
  date'`
    ]
  ]
}

const who: Page = {
  summary: "Prints who is present.",
  description: [
    "One name is one line, in the server's order. It needs no login, so nobody sees it come or go. An original a-chat " +
      "server answers no commands: that is an error, after the time of --timeout."
  ],
  statuses: [["0", "The names were printed; there may be none."], unreachable, interrupted],
  examples: [
    ["Who is there:", "a-chat who"],
    ["Whether bob is there:", "a-chat who | grep -qx bob || echo 'bob is not here'"],
    ["For a program:", "a-chat who --json"]
  ]
}

const ping: Page = {
  summary: "Measures the time to the server and back.",
  description: [
    "Each ping is a command and its answer, which the server gives behind everything that it has to do for this " +
      "connection. The next one is sent when its time has come and the one before was answered or given up. It needs no " +
      "login. Ctrl-C ends it early, with the summary of what there was."
  ],
  statuses: [
    ["0", "All pings were answered."],
    ["1", "Some were not, or the connection was lost."],
    ["2", "A flag is wrong, there was no connection, or the first ping was not answered: an original server."]
  ],
  examples: [
    ["Four pings, a second apart:", "a-chat ping"],
    ["A thousand, one behind the other:", "a-chat ping --count 1000 --interval 0 | tail -n 1"],
    ["Whether the server is up:", "a-chat ping --count 1 --timeout 1s > /dev/null && echo 'it is up'"]
  ]
}

export const pages = { serve, connect, send, listen, exec, who, ping, config } satisfies Record<string, Page>

export type CommandName = keyof typeof pages
