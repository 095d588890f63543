import { accountsOption, interrupted, reading, unreachable, type ManualPage } from "./ManualPage.js"

/** Pages of the commands that ask a server and end. */

export const history: ManualPage = {
  summary: "Prints what was said in a room or a direct conversation.",
  description: [
    "The last 50 lines are printed, or as many as --limit says, the oldest first: `2026-11-27T08:00:00.000Z " +
      "alice: hi`, in UTC. With --since the command begins at the line with that number, or at a time, and prints " +
      "everything from there on: `--since 1` is all that is kept. A time is `10m` or `2d` ago, `2026-11-27`, or " +
      "`2026-11-27T08:00`, here or with a zone such as `Z`. --until ends at a line or a time. To continue with " +
      "new lines, see `a-chat listen --since`.",
    "With --json each line is an object: `from`, `text`, `at`, `room` or, in a direct conversation, `with`, " +
      "`seq`, and where they apply `guest`, `auto` and `to`, as in `a-chat listen`.",
    reading,
    "A room's name needs quotes in a shell, where # begins a comment.",
    accountsOption
  ],
  statuses: [
    ["0", "The lines were printed; there may be none."],
    [
      "1",
      "The server refused: there is no such room, the login is not in it, or a guest asks for a direct conversation; " +
        "or it left out lines that are damaged, whose numbers are on standard error."
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

export const search: ManualPage = {
  summary: "Prints the lines that have all of the given words, newest first.",
  description: [
    "Words are compared without regard to their case. All conversations of the login are searched, or with --in " +
      "one of them; a guest has to name a room. Each line is `2026-11-27T08:00:00.000Z #ops alice: hi`, without " +
      "the room where --in names it. With --json it is an object as in `a-chat history`.",
    reading,
    accountsOption
  ],
  statuses: [
    ["0", "Some lines were found."],
    ["1", "No line was found, or the server refused the search."],
    unreachable,
    ["3", "The connection was lost, or no reply came within --timeout."],
    interrupted
  ],
  examples: [
    ["Who has spoken of the disk?", "a-chat search disk full --in '#ops' || echo 'nobody'"],
    ["Words that look like flags:", "a-chat search --in '#ops' -- --retry || true"]
  ]
}

export const who: ManualPage = {
  summary: "Prints the names of the clients that are logged in.",
  description: [
    "Each name is one line, in the server's order. The command does not log in, so the other clients do not see it. " +
      "The original a-chat server has no commands, so the command fails once --timeout has run out."
  ],
  statuses: [["0", "The names were printed; there may be none."], unreachable, interrupted],
  examples: [
    ["Everyone who is logged in:", "a-chat who"],
    ["Check whether bob is logged in:", "a-chat who | grep -qx bob || echo 'bob is not here'"],
    ["For a program:", "a-chat who --json"]
  ]
}

export const ping: ManualPage = {
  summary: "Measures the round-trip time to the server.",
  description: [
    "Each ping is a command. The server replies to it after everything else that it has to do for this " +
      "connection. The next ping is sent after --interval, once the previous one was answered or has timed out. " +
      "The command does not log in. Ctrl-C ends it early, with the summary so far."
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
