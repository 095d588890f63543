// Mutants of the commands that are clients: `send`, `ask`, `listen`, `exec` and `connect`. Read by main.mjs, which
// explains the fields.
export const mutants = [
  {
    name: "a bot answers what is said in a room to others",
    file: "client/Bot.ts",
    search: "if (asked === undefined && !rooms.takesAll) return undefined",
    replace: "if (asked === undefined && text === name) return undefined",
    test: "test/cli/exec-rooms.test.ts",
    build: true
  },
  {
    name: "send takes lines with an unknown outcome for complete",
    file: "client/Sending.ts",
    search: 'if (this.totals.unknown > 0) return "Unknown"\n',
    replace: "",
    test: "test/cli/send-failures.test.ts",
    build: true
  },
  {
    name: "send --wait none trusts an end in order",
    file: "client/UnlabelledSending.ts",
    search: "onSuccess: () => isConfirmed, onFailure",
    replace: "onSuccess: () => true, onFailure",
    test: "test/cli/dying-server.test.ts",
    build: true
  },
  {
    name: "listen prints a last line that was cut off",
    file: "client/Listening.ts",
    search: "Deferred.unsafeDone(ended, Exit.fail(LineConnection.closed))",
    replace: "take(framing.end()); Deferred.unsafeDone(ended, Exit.fail(LineConnection.closed))",
    test: "test/cli/dying-server.test.ts",
    build: true
  },
  {
    name: "a client that only sends does not say that it is a program",
    file: "client/Login.ts",
    search: 'words: ["send-only", ...started.words]',
    replace: 'words: ["send-only"]',
    test: "test/cli/exec.test.ts",
    build: true
  },
  {
    name: "send does not notice that an original server has taken its first line for the login",
    file: "client/Login.ts",
    search: "if (line.startsWith(`from ${first}: `)) return Exit.succeed(Option.none())",
    replace: "",
    test: "test/cli/send.test.ts",
    build: true
  },
  {
    name: "send takes the first reply for that to its login",
    file: "client/Login.ts",
    search: 'missing > 0 ? "part" : Exit.succeed(hello)',
    replace: "Exit.succeed(parseHello(received))",
    test: "test/cli/send.test.ts",
    build: true
  },
  {
    name: "a login that came too early again pauses no longer than before",
    file: "client/GreetingPause.ts",
    search: "this.millis + leastLonger",
    replace: "0",
    test: "test/cli/send-retry.test.ts",
    build: true
  },
  {
    name: "send ignores the announced rate",
    file: "cli/commands/LoginAttempts.ts",
    search: "new Pace(rates, performance.now())",
    replace: "new Pace([], performance.now())",
    test: "test/cli/send-retry.test.ts",
    build: true
  },
  {
    name: "send keeps its window open where lines may be refused",
    file: "client/SendWindow.ts",
    search: "mayResend ? 1 : maxOutcomes",
    replace: "maxOutcomes",
    test: "test/cli/send-retry.test.ts",
    build: true
  },
  {
    name: "send sends the next line before those that are sent again",
    file: "client/Sending.ts",
    search: "this.isUp && this.retryQueue.size === 0 && this.window.hasRoom",
    replace: "this.isUp && this.window.hasRoom",
    test: "test/cli/send-retry.test.ts",
    build: true
  },
  {
    name: "send sends a line with an unknown outcome again",
    file: "client/Sending.ts",
    search: "this.hasSaidBye && this.link.connection.outcomes.hasEnded",
    replace: "this.link.connection.outcomes.hasEnded",
    test: "test/cli/send-retry.test.ts",
    build: true
  },
  {
    name: "send waits as long as retry= asks",
    file: "client/Sending.ts",
    search: "if (outcome.retryMillis > Duration.toMillis(patience)) return false",
    replace: "",
    test: "test/cli/send-retry.test.ts",
    build: true
  },
  {
    name: "send waits for an absent recipient at every line",
    file: "client/RetryQueue.ts",
    search: "this.absentUntil.set(name, until)",
    replace: "",
    test: "test/cli/send-retry.test.ts",
    build: true
  },
  {
    name: "send does not connect again after a full server",
    file: "cli/commands/LoginAttempts.ts",
    search: "refused.retryMillis ?? (mayPass",
    replace: "(mayPass",
    test: "test/cli/send-retry.test.ts",
    build: true
  },
  {
    name: "ask takes an outcome for the end although the answer came before it",
    file: "cli/commands/Asking.ts",
    search: "this.overtaking.filter(({ after }) => after <= line)",
    replace: "this.overtaking",
    also: {
      file: "cli/commands/Asking.ts",
      search: "this.overtaking.filter(({ after }) => after > line)",
      replace: "[]"
    },
    test: "test/cli/ask-failures.test.ts",
    build: true
  },
  {
    name: "ask takes a message for the answer that came before the question",
    file: "cli/commands/Asking.ts",
    search: "return this.taken < this.early",
    replace: "return false",
    test: "test/cli/ask-failures.test.ts",
    build: true
  },
  {
    name: "ask acknowledges an answer that it could not print",
    file: "cli/commands/Asking.ts",
    search: "return this.unprintable === undefined ? Effect.void : Effect.never",
    replace: "return Effect.void",
    test: "test/cli/ask.test.ts",
    build: true
  },
  {
    name: "ask says that nobody answered although the question may not have arrived",
    file: "cli/commands/Asking.ts",
    search: "this.unknown.add(name)",
    replace: "name.trim()",
    test: "test/cli/ask-failures.test.ts",
    build: true
  },
  {
    name: "ask asks under the same name each time",
    file: "cli/commands/ask.ts",
    search: "login ?? GuessedLogin.alternative(base)",
    replace: "login ?? base",
    test: "test/cli/ask.test.ts",
    build: true
  },
  {
    name: "the login of a command keeps what its failed attempts have opened",
    file: "cli/commands/LoginAttempts.ts",
    search: "Effect.onError((cause) => Effect.zipRight(discard, Scope.close(scope, Exit.failCause(cause))))",
    replace: "Effect.onError(() => discard)",
    test: "test/cli/LoginAttempts.test.ts"
  },
  {
    name: "send connects to a server that ends every connection without a pause",
    file: "client/Sending.ts",
    search: "this.hasProgressed ? 0 : this.inVain + 1",
    replace: "0",
    test: "test/cli/send-retry.test.ts",
    build: true
  },
  {
    name: "ask is not marked in the program of a bot",
    file: "cli/commands/Asking.ts",
    search: "LoginAttempts.logIn({ ...job,",
    replace: "LoginAttempts.logIn({ ...job, auto: false,",
    test: "test/cli/ask.test.ts",
    build: true
  },
  {
    name: "a signal hides an unknown outcome of send",
    file: "cli/commands/Delivery.ts",
    search: "sending.totals.unknown > 0 ? ExitStatus.lostDespiteSignal : Effect.void",
    replace: "Effect.void",
    test: "test/cli/send-failures.test.ts",
    build: true
  },
  {
    name: "send gives a line with an unknown outcome another label",
    file: "client/Sending.ts",
    search: "this.retryQueue.add(line, { ...what, names }, { tries: line.tries + 1, at: 0, label })",
    replace: "this.retryQueue.add(line, { ...what, names }, { tries: line.tries + 1, at: 0, label: undefined })",
    test: "test/cli/send-kept.test.ts",
    build: true
  },
  {
    name: "send sends a line again to a guest that may have it",
    file: "client/Sending.ts",
    search: "const names = what.names.filter((name) => kept.has(name))",
    replace: "const names = what.names.filter(() => kept.size > 0)",
    test: "test/cli/send-kept.test.ts",
    build: true
  },
  {
    name: "send takes the receipt of an earlier line for that of a line",
    file: "client/PendingReceipts.ts",
    search: "return seq <= (this.given.get(name) ?? 0)",
    replace: "return this.given.has(name) || seq < 0",
    test: "test/cli/send-kept.test.ts",
    build: true
  },
  {
    name: "a client that was logged out comes back",
    file: "client/Sending.ts",
    search: "!isDone && !this.link.isLoggedOut()",
    replace: "!isDone",
    test: "test/cli/passwords.test.ts",
    build: true
  },
  {
    name: "listen prints what the server gives again",
    file: "client/ListenFormat.ts",
    search: "if (seen.isRepeat(place)) continue\n",
    replace: "",
    test: "test/cli/listen-kept.test.ts",
    build: true
  },
  {
    name: "ask takes a message that waited for the answer",
    file: "cli/commands/Asking.ts",
    search: "return seq <= (this.asked.get(from) ?? Infinity)",
    replace: "return this.taken < this.early",
    test: "test/cli/listen-kept.test.ts",
    build: true
  },
  {
    name: "a logout that comes with the end of the login is withheld from the program",
    file: "client/Login.ts",
    search: 'connection.ask<never, never>("", see)',
    replace: 'connection.ask("", (line) => (see(line), refusal(line)))',
    test: "test/cli/passwords.test.ts",
    build: true
  },
  {
    name: "connect --seq does not ask for numbers",
    file: "client/Pipe.ts",
    search: "new Confirmation(options.words)",
    replace: "new Confirmation()",
    test: "test/cli/passwords.test.ts",
    build: true
  },
  {
    name: "a flag may contain a password",
    file: "cli/commands/LoginSetting.ts",
    search: "hasSecret(String(text))",
    replace: "false",
    test: "test/cli/passwords.test.ts",
    build: true
  }
]
