// Mutants of the clients. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "a line counts as processed although one before it does not",
    file: "client/InOrder.ts",
    search: "      slot.isProcessed = true\n",
    replace: "      for (const one of this.slots) one.isProcessed = true\n",
    test: "test/client/feed.test.ts"
  },
  {
    name: "a run of a feed does not begin with what was not acknowledged",
    file: "client/AcknowledgedFeed.ts",
    search: "return Stream.concat(left, Stream.repeatEffectChunkOption(next))",
    replace: "return Stream.concat(Stream.drain(left), Stream.repeatEffectChunkOption(next))",
    test: "test/client/feed.test.ts"
  },
  {
    name: "a line of a feed is acknowledged when it is given",
    file: "client/AcknowledgedFeed.ts",
    search: "if (!Acknowledgement.isMessage(line)) {",
    replace: "if (Acknowledgement.isMessage(line)) processed()\n    else {",
    test: "test/client/feed.test.ts"
  },
  {
    name: "a reconnecting client of an account acknowledges only what comes after its program has begun to read",
    file: "client/ReconnectingClient.ts",
    search: "ack: options.ack ?? (isOfAccount || undefined)",
    replace: "ack: options.ack",
    test: "test/client/feed.test.ts"
  },
  {
    name: "a guest that is in a room again gets what it has sent itself",
    file: "client/RoomFeed.ts",
    search: "return isAgain && past.from === name ? gap",
    replace: "return false ? gap",
    test: "test/client/RoomFeed.test.ts"
  },
  {
    name: "a guest that is in a room again does not read what it has missed",
    file: "client/RoomFeed.ts",
    search: "      this.readOn(room, place)\n      return []",
    replace: "      return this.goLive(room)",
    test: "test/client/RoomFeed.test.ts"
  },
  {
    name: "lines of a room that come while its past is read overtake it",
    file: "client/RoomFeed.ts",
    search: 'if (room === undefined || room.phase === "live") return this.pass(name, seq, item)',
    replace: "if (room !== undefined || seq > 0) return this.pass(name, seq, item)",
    test: "test/client/RoomFeed.test.ts"
  },
  {
    name: "a guest goes on with the numbers of another log",
    file: "client/RoomFeed.ts",
    search: "for (const room of this.names) this.follow(room)",
    replace: "this.others.clear()",
    test: "test/client/RoomFeed.test.ts"
  },
  {
    name: "listen acknowledges lines of a room before those that are read from its past",
    file: "client/RoomFilter.ts",
    search: "      if (this.isHolding) continue\n",
    replace: "",
    test: "test/client/RoomFilter.test.ts"
  },
  {
    name: "the next page of a history begins with the last line of the page before",
    file: "client/ConversationHandle.ts",
    search: "isForward ? { after: seq,",
    replace: "isForward ? { after: seq - 1,",
    test: "test/client/requests.test.ts"
  },
  {
    name: "a bot answers what is said in a room to others",
    file: "client/Bot.ts",
    search: "if (asked === undefined && !rooms.takesAll) return undefined",
    replace: "if (asked === undefined && text === name) return undefined",
    test: "test/cli/exec-rooms.test.ts",
    build: true
  },
  {
    name: "exec acknowledges a message although its program cannot be started",
    file: "client/Bot.ts",
    search: "yield* Effect.tapError(Deferred.await(started), () => FiberSet.awaitEmpty(running))",
    replace: "yield* Effect.ignore(Deferred.await(started))",
    test: "test/client/Bot.test.ts"
  },
  {
    name: "exec acknowledges a message before its program has started",
    file: "client/Bot.ts",
    search: "Effect.tap(() => Deferred.succeed(started, true)),\n    Effect.flatMap((program)",
    replace: "Effect.flatMap((program)",
    also: {
      file: "client/Bot.ts",
      search: "return begun(message, options).pipe(",
      replace: "return Effect.zipRight(Deferred.succeed(started, true), begun(message, options)).pipe("
    },
    test: "test/client/Bot.test.ts"
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
    name: "a client accepts a last line that was cut off",
    file: "client/LineReceiver.ts",
    search: "end: () => this.done(Exit.void),",
    replace: "end: () => { for (const piece of this.framing.end()) this.take(piece, socket); this.done(Exit.void) },",
    test: "test/client/Client.test.ts"
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
    name: "a pipe passes on a last line that was cut off",
    file: "client/Pipe.ts",
    search: "for (const whole of lines.push(bytes)) take(splitter.push(whole))",
    replace: "lines.push(bytes); take(splitter.push(bytes))",
    test: "test/client/Pipe.test.ts"
  },
  {
    name: "a pipe takes an end within a line for an orderly one",
    file: "client/Pipe.ts",
    search: 'done(lines.isCut ? { _tag: "Lost", error: cutOff } : end)',
    replace: "done(end)",
    test: "test/client/Pipe.test.ts"
  },
  {
    name: "an outcome counts for a recipient that it does not name",
    file: "client/Outcomes.ts",
    search: "if (!takeAll(due, names)) {",
    replace: "due.clear()\n    if (names.length === 0) {",
    test: "test/client/Outcomes.test.ts"
  },
  {
    name: "an outcome that also names somebody else counts for its own recipient",
    file: "client/Outcomes.ts",
    search: "if (!takeAll(due, names)) {",
    replace: "if (names.filter((name) => takeOne(due, name)).length === 0) {",
    test: "test/client/Outcomes.test.ts"
  },
  {
    name: "a client takes any spelling of a number for its label",
    file: "client/Outcomes.ts",
    search: "return numberAt(line, head + prefix.length)",
    replace: 'return Number(line.slice(head + prefix.length, line.indexOf(" ", head)))',
    test: "test/client/Outcomes.test.ts"
  },
  {
    name: "an outcome that does not parse counts as written",
    file: "client/Outcomes.ts",
    search: "if (outcome === undefined) invalid(awaited)",
    replace: 'if (outcome === undefined) awaited.accept({ _tag: "Written", names: [] }, [], true)',
    test: "test/client/Outcomes.test.ts"
  },
  {
    name: "connect in a pipe trusts an end in order",
    file: "client/Pipe.ts",
    search: "const confirmed = confirmation.isGiven || !confirmation.isExpected",
    replace: "const confirmed = true",
    test: "test/client/Pipe.test.ts"
  },
  {
    name: "connect in a pipe swallows a refusal of the user's own line",
    file: "client/Confirmation.ts",
    search: "const refused = Number(number) - 1",
    replace: "const refused = this.held.length",
    test: "test/client/Pipe.test.ts"
  },
  {
    name: "connect in a pipe shows a refusal of its own ping",
    file: "client/Confirmation.ts",
    search: "const refused = Number(number) - 1",
    replace: "const refused = 0",
    test: "test/client/Pipe.test.ts"
  },
  {
    name: "connect in a pipe hides the answer to the user's own /quit",
    file: "client/Confirmation.ts",
    search: 'if (!this.hasSeenAll || received.code !== "bye"',
    replace: 'if (received.code !== "bye"',
    test: "test/client/Pipe.test.ts"
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
    name: "the page sends its login right after a greeting that was paced",
    file: "web/model/Connection.ts",
    search: "if (this.pause.millis === 0) return",
    replace: "return",
    test: "test/web/Connection.test.ts"
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
    name: "the pace uses the server's whole burst without counting the greeting",
    file: "client/Pace.ts",
    search: "this.tokens = this.burst - greetingLines",
    replace: "this.tokens = this.burst",
    test: "test/client/Pace.test.ts"
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
    name: "the terminal sends kept lines to users who are not back yet",
    file: "terminal/People.ts",
    search: "if (name !== this.own) this.expected.add(name)",
    replace: "",
    test: "test/terminal/coming-back.test.ts"
  },
  {
    name: "the terminal waits only for the first recipient of a line",
    file: "terminal/Outgoing.ts",
    search: "return to.some((name) =>",
    replace: "return to.slice(0, 1).some((name) =>",
    test: "test/terminal/coming-back.test.ts"
  },
  {
    name: "the terminal lets a line overtake an earlier one to the same user",
    file: "terminal/Outgoing.ts",
    search: "this.heldNames.add(name)",
    replace: "",
    test: "test/terminal/coming-back.test.ts"
  },
  {
    name: "the terminal waits for a user who never returns",
    file: "terminal/OneConnection.ts",
    search: "Effect.delay(returnTime)",
    replace: 'Effect.delay("1 day")',
    test: "test/terminal/coming-back.test.ts"
  },
  {
    name: "listen acknowledges before the output has taken a message",
    file: "client/Listening.ts",
    search: "const isFree = write(lines, (error) => {",
    replace:
      'acknowledgement.add(messages)\n      const isFree = write(lines, () => {\n        const error = lines === "" ? undefined : new Error()',
    test: "test/client/acknowledgement-output.test.ts"
  },
  {
    name: "connect in a pipe acknowledges before the output has taken a message",
    file: "client/Pipe.ts",
    search: "const isFree = writeOutput.write(bytes, (error) => processed(error, messages))",
    replace: "processed(undefined, messages)\n      const isFree = writeOutput.write(bytes)",
    test: "test/client/acknowledgement-output.test.ts"
  },
  {
    name: "acknowledgements count notices",
    file: "client/Acknowledgement.ts",
    search: 'line.startsWith("* sent ")',
    replace: 'line.startsWith("* ")',
    test: "test/client/acknowledgement.test.ts"
  },
  {
    name: "a client acknowledges a line whose processing failed",
    file: "client/LineReceiver.ts",
    search: "if (isWell) this.processed()",
    replace: "this.processed()",
    test: "test/client/acknowledgement.test.ts"
  },
  {
    name: "a client acknowledges what arrived before the server's hello",
    file: "client/Listening.ts",
    search: "acknowledgement.isOn = true\n        counted = filter.handled",
    replace: "acknowledgement.isOn = true\n        counted = 0",
    test: "test/client/acknowledgement.test.ts"
  },
  {
    name: "a client acknowledges nothing more when it leaves",
    file: "client/Acknowledgement.ts",
    search: "this.flush()\n    this.hasStopped = true",
    replace: "this.hasStopped = true",
    test: "test/client/acknowledgement.test.ts"
  },
  {
    name: "a client that waits for messages ends its sending half, and cannot acknowledge",
    file: "client/LineConnection.ts",
    search: "return acknowledgement.isOn && !hasEnded()",
    replace: "return hasQuit && acknowledgement.isOn && !hasEnded()",
    test: "test/client/acknowledgement.test.ts"
  },
  {
    name: "a client whose program is busy says nothing, and is taken for unreachable",
    file: "client/LineReceiver.ts",
    search: "pull.handed === before) this.acknowledgement.repeat()",
    replace: "pull.handed < 0) this.acknowledgement.repeat()",
    test: "test/client/acknowledgement.test.ts"
  },
  {
    name: "a client counts the answer to its greeting after the messages that arrive with it",
    file: "client/LineReceiver.ts",
    search: "this.acknowledgement.add(arrival.withheld)",
    replace: "if (arrival.lines.length === 0) this.acknowledgement.add(arrival.withheld)",
    test: "test/client/acknowledgement.test.ts"
  },
  {
    name: "connect in a pipe acknowledges in the middle of a line",
    file: "client/Pipe.ts",
    search: 'acknowledgement.isPaused = !wire.endsWith("\\n")',
    replace: "",
    test: "test/client/acknowledgement-output.test.ts"
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
    name: "ask counts what follows a complete answer",
    file: "client/Answers.ts",
    search: "if (answer.isComplete) return false",
    replace: "",
    test: "test/client/Answers.test.ts"
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
    name: "a client that reconnects sends again what may have arrived",
    file: "client/LastingDelivery.ts",
    search: "connection.hasSaidBye() && fate.names.length === sentTo.length",
    replace: "true",
    test: "test/client/ReconnectingClient-delivery.test.ts"
  },
  {
    name: "a client that reconnects takes a last line for the proof that nothing was accepted",
    file: "client/LastingDelivery.ts",
    search: "&& fate.names.length === sentTo.length",
    replace: "",
    test: "test/client/ReconnectingClient-delivery.test.ts"
  },
  {
    name: "a client that reconnects passes the replies to its own questions on to the program",
    file: "client/WatchedConnection.ts",
    search: 'received.label === heartbeatLabel) return "part"',
    replace: "received.label === heartbeatLabel) return undefined",
    test: "test/client/ReconnectingClient.test.ts"
  },
  {
    name: "a client that reconnects sends again what had an invalid outcome",
    file: "client/LastingDelivery.ts",
    search: 'if (fate.isInvalid === true) return "final"\n',
    replace: "",
    test: "test/client/ReconnectingClient-delivery.test.ts"
  },
  {
    name: "a client that reconnects sends to a server that shuts down",
    file: "client/LastingDelivery.ts",
    search: "connection.closing()\n",
    replace: "\n",
    test: "test/client/ReconnectingClient-delivery.test.ts"
  },
  {
    name: "a client that reconnects comes back before the server has asked for it",
    file: "client/WatchedConnection.ts",
    search: "returnMillis = Received.returnMillis(received)",
    replace: "returnMillis = 0",
    test: "test/client/ReconnectingClient.test.ts"
  },
  {
    name: "a server that asks for no delay makes a client reconnect without a pause",
    file: "client/Backoff.ts",
    search: "if (isReplaced) mayReplace = false",
    replace: "",
    test: "test/client/Reconnect.test.ts"
  },
  {
    name: "listen comes back before the server has asked for it",
    file: "client/Listening.ts",
    search: "closing(Received.returnMillis(received))",
    replace: "",
    test: "test/client/Listening.test.ts"
  },
  {
    name: "a bot does not learn when the server wants it back",
    file: "client/Bot.ts",
    search: "options.closing(Received.returnMillis(received))",
    replace: "return",
    test: "test/client/Bot.test.ts"
  },
  {
    name: "a client that reconnects does not wait for recipients that are not back yet",
    file: "client/Absentees.ts",
    search: "this.expected.has(name) ? Math.max(waited, this.expectedUntil) : waited",
    replace: "waited",
    test: "test/client/ReconnectingClient-delivery.test.ts"
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
    name: "a client drops the messages of a new account of the same name",
    file: "client/LastSeen.ts",
    search: "seq <= last.seq && at <= last.at",
    replace: "seq <= last.seq",
    test: "test/client/kept.test.ts"
  },
  {
    name: "a client compares numbers of different logs",
    file: "client/LastSeen.ts",
    search: "this.places.clear()\n",
    replace: "",
    test: "test/client/kept.test.ts"
  },
  {
    name: "a client takes a message for processed before it is",
    file: "client/LineReceiver.ts",
    search: "this.place = place\n",
    replace: "if (place !== undefined) this.seen?.passed(place)\n",
    test: "test/client/kept.test.ts"
  },
  {
    name: "a client does not acknowledge a message that comes again",
    file: "client/LineReceiver.ts",
    search: "this.acknowledgement.add(messages)\n",
    replace: "",
    test: "test/client/kept.test.ts"
  },
  {
    name: "a client does not acknowledge lines that came back",
    file: "client/Acknowledgement.ts",
    search: " || isReturn(line)",
    replace: "",
    test: "test/client/kept.test.ts"
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
    name: "the terminal shows a message as received that is only stored",
    file: "terminal/Receipts.ts",
    search: 'fate.seq <= (this.given.get(fate.names[0] ?? "") ?? 0)',
    replace: 'this.given.has(fate.names[0] ?? "")',
    test: "test/terminal/Receipts.test.ts"
  },
  {
    name: "the terminal sends a line again to a guest that may have it",
    file: "terminal/Outgoing.ts",
    search: "isRepeatable(message) && message.to.every((name) => kept.has(name))",
    replace: "isRepeatable(message)",
    test: "test/terminal/kept.test.ts"
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
  },
  {
    name: "a program may connect with a login that contains the secret",
    file: "client/Encode.ts",
    search: "if (secret.length > 0) return",
    replace: "if (false) return",
    test: "test/client/Client.test.ts"
  }
]
