import { accountsOption, interrupted, reconnects, unreachable, type ManualPage } from "./ManualPage.js"

/** Pages of the commands that write messages, or receive them. */

export const connect: ManualPage = {
  summary: "Joins a chat: with a prompt at a terminal, as a filter in a pipe.",
  description: [
    "--server names the server: `tls://HOST:PORT`, `tcp://HOST:PORT`, `unix:PATH`, or a name from the settings " +
      "file, which `a-chat config --help` describes. Several servers that are one chat are `HOST:PORT,HOST:PORT`: " +
      "the client uses the first one that takes it, and another one when that goes or is lost.",
    "At a terminal the prompt stays at the bottom. `bob, carol: hi` writes to both, and so do the following " +
      "lines until you name other recipients. /reply replies to the last sender, /all to the other recipients as " +
      "well, Tab completes names, and /help lists the rest. Each of your lines is shown with its outcome. If the " +
      "connection is lost, the client reconnects, sends what it has not sent yet, and asks what to do with lines " +
      "that may or may not have arrived. Your lines are kept in $XDG_STATE_HOME/a-chat/history. A message with " +
      "your name in it, as a whole word in any case, is marked: `bob » hi alice`. --bell mentions rings for " +
      "nothing else.",
    "A row above the prompt lists the rooms and the users with unread lines. The lines that a server keeps are " +
      "shown only in their conversation: /go NAME leads to it, or its number; Alt-1 to Alt-9, Alt-Left and " +
      "Alt-Right do as well, and Alt-A leads to the next one with unread lines. There the last lines are shown, " +
      "with a mark where you had stopped reading, on any device of your account; PageUp or /history shows earlier " +
      "ones. /join #ops enters a room, and `#ops: hi` writes to it; /leave (or /part), /rooms, /members, /topic, " +
      "/search and /mute are about rooms, and so are the commands of a room's owner: /invite, /remove, /owner, " +
      "/lock, /unlock, /silence, /unsilence and /slow. They are about the room in the prompt if you name no " +
      "other. In a room, only lines that mention you ring, and none in a muted one; what you mute stays muted for " +
      "your name on this server. A line to a room gets the mark of a stored one, and no other: the server does " +
      "not report who has received it. `bob: hi` writes to bob alone, also in a room.",
    accountsOption,
    "At a terminal the client asks for the password that it needs. /register turns your name into an account, and " +
      "/password changes its password: both ask for it, and show and keep nothing of it. /token, /devices and " +
      "/forget manage your devices.",
    "While the terminal reports that it does not have the focus, the client asks it to show messages on the " +
      "desktop, with OSC 777 or OSC 9 (--notify-osc); in tmux this needs `set -g allow-passthrough on`, and `set " +
      "-g focus-events on` for the focus. --notify also runs a command of the shell, such as `notify-send -- " +
      '"$ACHAT_FROM" "$(cat)"`. It gets the text and a line feed on its standard input, the sender in ACHAT_FROM, ' +
      "your name in ACHAT_LOGIN, yes or no in ACHAT_MENTION, and the variables of the server, as with `a-chat " +
      "exec`. Messages that come within two seconds, or while the command runs, become one notification, of the " +
      "last of them or of the last that mentions you; ACHAT_MORE is the number of the others. The output of the " +
      "command is dropped. When it ends, after ten seconds, or when you leave, the processes left in its process " +
      "group are ended.",
    "--log-dir keeps a log that only you can read, with a file for each conversation: `bob.log`, or " +
      "`bob+carol.log` for both. Each line is the time in UTC, a head, and the text, in which control characters " +
      "are shown as `\\x1b`: `2026-11-26T20:04:17.123Z from bob to=carol: lunch?`, `2026-11-26T20:04:21.950Z to " +
      "bob+carol received: at noon`. Your own line is logged when its outcome is known, once for each outcome: " +
      "written, received, `returned reason=offline`, `refused reason=too-long`, unknown, unsent, or sent to a " +
      "server that reports none. Lines with `*` say as whom and where you chat, and how many lines are missing. A " +
      "folder to which other users can write is refused. If the log cannot be written, that is reported once, and " +
      "the chat continues. Names that look the same share a file.",
    "In a pipe the client sends its input and prints what it receives, without notifications and without a log. " +
      "Without --login, the first line of the input is the name. At the end of its input the client leaves, " +
      "prints what has arrived for it, and exits. Refusals are printed on standard error, in lines that begin " +
      "with `!`.",
    "In a pipe the server confirms that it took every line: the client sends /ping after the login, and /ping " +
      "and /quit after the input, and does not show the replies. Messages are received once the output has taken " +
      "them: the client also sends `/hello ack`, and shows neither the reply nor notices unless the input has a " +
      "/hello as well. These lines count for --rate. With --seq, kept lines have their numbers and times, which " +
      "`/hello seq` in the input might give only to lines after those that waited for the device (--login " +
      "NAME/DEVICE). The original a-chat server confirms nothing. A server that has sent nothing of its own 1 s " +
      "after the end of the input counts as original. Status 0 then only means that the server closed the " +
      "connection in an orderly way."
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

export const send: ManualPage = {
  summary: "Sends a message, or each line of the input; the exit status says whether it was delivered.",
  description: [
    "The command waits until the server has delivered each line to every recipient, or has returned it. " +
      "Returned lines are reported on standard error with the reason. With --json every outcome is one object on " +
      "standard output: `line`, `to`, `outcome` (written, received, stored, returned, refused, unknown), " +
      "`reason`, and `retry` in milliseconds; and for an account `seq` and `at`, the number of the line in the " +
      "conversation and when it was stored, and `again`, which is true if it had been stored before. Written " +
      "means that the kernel of the server's machine has taken the line for the recipient, not that anyone has " +
      "read it. Received means that the recipient's program has: listen has printed it, or exec has started its " +
      "program with it. Stored means that the server keeps the line for the recipient's account, on disk if it " +
      "has a file for that.",
    "--wait received waits until each line was received: by the recipient's program, or, where it is stored, by " +
      "a device of the account. --timeout is the longest wait between two receipts. A client that does not " +
      "acknowledge what it gets, such as nc, receives nothing in this sense.",
    "A room is a recipient such as '#ops', in quotes, because an unquoted # begins a comment in a shell. Lines to it " +
      "are stored. A line returns as `not-member` if the login is not in the room, and as `no-room` if there is none " +
      "of that name, or a locked one. --join enters the room first: an account stays in it, and a guest leaves it " +
      "with the command.",
    "An argument such as `--retires` before the text is a mistyped flag, and nothing is sent; so is one within the " +
      "text that resembles a flag of this command. After `--`, everything is text.",
    "Input of any length is sent in constant memory, no faster than the recipients take it or the server's announced " +
      "rate allows.",
    "With --retry, a line that may succeed later is sent again when the server says so, unless that is longer " +
      "than --timeout; the lines after it wait. So is a line that a server has not accepted because it was " +
      "shutting down. A connection that is refused, or that ends before the login, is tried again. A line whose " +
      "outcome is unknown, as after a lost connection, is sent again only from an account and to an account, with " +
      "a label by which the server stores it once; any other ends the command with status 3. With --wait-for, the " +
      "lines wait for a recipient that is absent.",
    accountsOption,
    "Without --login the name is made from the user and the machine, with a suffix if it is taken. A name from the " +
      "environment gets a suffix, too. Only a client that is present takes the name: several `a-chat send` may use " +
      "one name at once. They are not announced and not listed by `a-chat who`, and messages to that name are " +
      "returned as `offline`. With --json a returned line has `like` where a name that is present looks the same as " +
      "the absent one.",
    "With --auto the messages are marked as coming from a program, and no `a-chat exec` answers them. In the " +
      "program of an `a-chat exec` that is the default: bots that send each other what they get would never end."
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
      "An outcome is unknown: the connection was lost, no outcome arrived within --timeout, one was invalid, or a " +
        "signal came first."
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

export const ask: ManualPage = {
  summary: "Sends a question and prints the answer; the exit status says whether one came.",
  description: [
    "The answer is the next message from the recipient. Only its text is printed, once the question has been sent; " +
      "with several recipients each line is `from bob: TEXT`. With --json it is an object as `a-chat listen` prints " +
      "it. Other messages that arrive meanwhile are printed on standard error.",
    "Each message is a line, and nothing marks the end of an answer. So --lines says how many lines to wait for, and " +
      "with --quiet the answer ends when no other line has come for that time. An answer of `a-chat exec` has as " +
      "many lines as its program prints. What comes after the answer returns to its sender.",
    "Several recipients are asked at once, and each of them has to answer; with --any the first complete answer is " +
      "enough.",
    "--timeout bounds everything from the connection to the answer. --retry and --wait-for send the question again " +
      "as `a-chat send` does, until then.",
    "Without a text, the input is the question: one line. An argument such as `--retires` before the text is a " +
      "mistyped flag, and nothing is sent. After `--`, everything is text.",
    "Without --login the name is made from the user and the machine, with a random suffix, so that a late " +
      "answer to one question is never taken for the answer to the next. With a name of your own, that can " +
      "happen. A name from the environment gets a suffix if it is taken. While the command waits, the name is " +
      "present like that of any client.",
    "An `a-chat exec` answers the question, unless --auto marks it as one from a program. In the program of an " +
      "`a-chat exec` that is the default: bots that ask each other for each question would never end.",
    "For the server and the sender, the answer counts as received once the output has taken it.",
    accountsOption
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

export const listen: ManualPage = {
  summary: "Prints the messages that arrive.",
  description: [
    "Each message is one line: `from alice: hi`, or with --json an object with `from`, `text` and `at`, the " +
      "time of arrival, or, of a message that was kept, the time when it was stored. That one also has `seq`, its " +
      "number in the conversation, and `guest`: true if a guest sent it. If a program sent the message, it also " +
      "has `auto`: true (protocol, section 6); if there were other recipients, it has them in `to`, an array of " +
      "at most 20 names. Other lines from the server are not printed. At a terminal, control characters are shown " +
      "as `\\x1b`; a pipe gets the text unchanged.",
    "With --room '#ops' the command enters the room and prints only what is written there: `from alice #ops: " +
      "hi`, and with --json an object with `room`. A room's name needs quotes in a shell, where # begins a " +
      "comment. An account stays in the room when the command ends, and in the next run its device gets what was " +
      "written in between: a job that runs every hour with a device of its own, `--login alice --device ci`, gets " +
      "every line once. A guest is in the room only while the command runs; after a lost connection it enters " +
      "again, and reads what it has missed.",
    "With --since the command prints what is kept in the room from a line on, or from a time, and exits: " +
      "`--since 1` is everything, and `10m`, `2026-11-27` or `2026-11-27T08:00Z` is a time. With --follow it " +
      "continues with new messages, without a gap and without a repeat. `a-chat history` prints the end of a " +
      "conversation.",
    "The command reads no faster than its output is taken, which slows the senders. A login that is in use is an " +
      "error at the start. Later it is tried again, because the server may not have noticed yet that the old " +
      "connection is lost. Messages after the last one of --count are not printed, and return to their senders.",
    "For the server and the sender, a message counts as received once the output has taken it. Messages that " +
      "are not printed because the command is killed, or because its output cannot be written, return to their " +
      "senders. While the output takes nothing, the messages wait at the server, which holds the senders.",
    "Messages to an account are kept, and delivered when it connects. What the server delivers again after a " +
      "crash or a lost connection is not printed twice: the number of the last message of each conversation is " +
      "recorded in $XDG_STATE_HOME/a-chat/seen. A gap, that is, messages that were not printed and are no longer " +
      "kept, is reported in a line on standard error, with --json also as an object with `gap`, `first` and " +
      "`last`, and makes the status 1.",
    reconnects,
    accountsOption
  ],
  statuses: [
    [
      "0",
      "--count messages arrived, --timeout ran out without --count, what was kept was printed, or the reader of " +
        "the output has gone."
    ],
    [
      "1",
      "--timeout ran out before --count messages arrived, some messages are no longer kept, or the server does " +
        "not let the login be in a room."
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

export const exec: ManualPage = {
  summary: "Answers messages with a program: a bot in any language.",
  description: [
    "The program is started for each message. It gets the text and a line feed on its standard input, the " +
      "sender in ACHAT_FROM, and the name of --login in ACHAT_LOGIN. The only other ACHAT_ variables that it gets " +
      "are those of the server, so that an `a-chat send` in the program reaches the same one: ACHAT_HOST and " +
      "ACHAT_PORT, or ACHAT_UNIX, and with --tls ACHAT_TLS, ACHAT_CA and ACHAT_SERVER_NAME, but not the client's " +
      "certificate and key.",
    "Each line that the program prints goes back to the sender. Its standard error is that of this command. With " +
      "--concurrency 1, messages are answered in order. While --concurrency programs run, no other message is read, " +
      "which slows the senders.",
    "When the program fails, one line on standard error says so, and the sender gets `the program failed (exit " +
      "status 3)`, but at most once a minute, because the sender may be a program that answers it. An answer that " +
      "does not reach the sender is reported on standard error, too. Control characters in an answer are shown as " +
      "`\\x1b`. A line that is too long for the server is replaced by a line that says so.",
    "For the server and the sender, a message counts as received once its program has started. If the program " +
      "cannot be started, for example while it is being replaced or while descriptors are short, the message and " +
      "those after it wait. After 5 s of attempts this command ends, and everything that waits returns to its " +
      "senders. For an account, no second program is started for what the server delivers again after a crash or " +
      "a lost connection; see `a-chat listen`.",
    "With --room '#ops' the bot is in a room, too. There it answers lines that begin with its name: `bot: " +
      "status`, `bot, status` or `@bot status`; the program gets `status`, and the room in ACHAT_ROOM. Its lines " +
      "go to the room. With --all it handles every line that is written there. Lines of programs are not answered " +
      "in a room either.",
    "After the sender has left, further output of the program is dropped, but the program keeps running. It has its " +
      "own process group. When the program ends, its time runs out, the connection is lost, or this command ends, " +
      "the processes left in the group get SIGTERM, and three seconds later SIGKILL. Output of processes that have " +
      "left the group is dropped two seconds after that.",
    "A message from another program is not answered: from an `a-chat exec`, from an `a-chat send` or `a-chat " +
      "ask` in its program (which has ACHAT_AUTO), or from any client that said `/hello auto`. Standard error " +
      "reports the first one of each sender. An older bot looks like a person, so each sender has a rate. With " +
      "--rate 5, up to 20 messages at once are answered, and 5 per second in the long run. The messages that " +
      "follow are not answered for 4 s, which ends a loop. One line on standard error says so, and the sender is " +
      "notified once a minute at most. For a bot that gets its work from scripts, use --rate off.",
    reconnects,
    accountsOption
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
