/** The text of a command's `--help` besides its flags. */
export interface ManualPage {
  /** One sentence, for the list of commands and for completions. */
  readonly summary: string
  readonly description: ReadonlyArray<string>
  /** The exit statuses, and what each means. */
  readonly statuses: ReadonlyArray<readonly [status: string, meaning: string]>
  /** Shell scripts, and what each does. */
  readonly examples: ReadonlyArray<readonly [about: string, script: string]>
}

export const unreachable = [
  "2",
  "A flag is wrong, there was no connection, or the output cannot be written; one line on standard error says why."
] as const

export const accountsOption =
  "Where the login's account takes a password, it comes from --password-file, --password-command or the variable " +
  "ACHAT_PASSWORD; at a terminal, the command asks if it has none. There is no flag for it, because others can see " +
  "the flags of a program. The command then fetches a token for the device, and keeps it in " +
  "$XDG_STATE_HOME/a-chat/tokens, readable only by you. It uses the token from then on, and the password only when " +
  "the server refuses the token. `--login alice/phone` names the device, which otherwise is `main`: one that logs in " +
  "again replaces its earlier connection. A secret is sent only to a server that says that it has accounts, and only " +
  "with TLS, over a Unix socket or within this machine."

export const interrupted = ["130, 143", "SIGINT (Ctrl-C) or SIGTERM ended it."] as const

export const reconnects =
  "When the connection is lost, the command says so on standard error and reconnects: after 1 s at first, " +
  "then after twice as long each time, up to 30 s. Each delay is shortened at random, so that clients do not " +
  "all reconnect at once. Of several servers (`--server HOST:PORT,HOST:PORT`), it tries each of the others first, " +
  "within seconds. With --no-reconnect the command exits instead."

export const reading =
  "The command does not show up in the chat: it only sends commands, and takes no messages away from other " +
  "devices. Without --login it reads as a guest, which may read every room that is not locked, and is in it " +
  "only while the command runs. An account reads its direct conversations and the rooms that it is in; with " +
  "--join it enters a room first, and stays in it."
