// Mutants of `send`, from its login to its exit status. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "send reports lines without an outcome as nothing when the connection ends",
    file: "client/Outcomes.ts",
    search: 'for (const line of lines) unknown(line, { _tag: "Unknown" })',
    replace: "void lines",
    send: true
  },
  {
    name: "send takes a refusal for a success",
    file: "client/Outcomes.ts",
    search: "awaited.accept(outcome, awaited.recipients.rest(awaited.due), true)",
    replace: 'awaited.accept({ _tag: "Written", names: awaited.recipients.names }, awaited.recipients.names, true)',
    send: true
  },
  {
    name: "send counts an outcome for all recipients",
    file: "client/Outcomes.ts",
    search: "if (!takeAll(due, names)) {",
    replace: "if (![...due.keys()].every((name) => takeOne(due, name))) {",
    send: true
  },
  {
    name: "send queues lines to be sent again in the order of their refusals",
    file: "client/RetryQueue.ts",
    search: "while (place > 0 && (this.queue[place - 1] as Retry).number > line.number) place -= 1",
    replace: "",
    test: "test/client/RetryQueue.test.ts"
  },
  {
    name: "send sends a line to all recipients again",
    file: "client/RetryQueue.ts",
    search: "recipients: new Outcomes.Recipients(outcome.names)",
    replace: "recipients: line.recipients",
    send: true
  },
  {
    name: "send tries a line once more often than --retry allows",
    file: "client/Sending.ts",
    search: "if (line.tries >= retries) return false",
    replace: "if (line.tries > retries) return false",
    send: true
  },
  {
    name: "send does not report the lines that were to be sent again when it ends",
    file: "client/Sending.ts",
    search: "for (const outcome of this.retryQueue.outcomes) this.final(outcome)",
    replace: "",
    send: true
  },
  {
    name: "send waits for an outcome without end",
    file: "client/Sending.ts",
    search: "return yield* new Stalled({ patience })",
    replace: "yield* Effect.never",
    send: true
  },
  {
    name: "send continues after an unknown outcome",
    file: "client/Sending.ts",
    search: "this.options.retries > 0 && this.totals.unknown === 0 && ",
    replace: "this.options.retries > 0 && ",
    send: true
  },
  {
    name: "the pace earns lines faster than the server allows",
    file: "client/Pace.ts",
    search: "(rate.perSecond * rateShare) / 1000",
    replace: "(rate.perSecond * 1.2) / 1000",
    send: true
  },
  {
    name: "send exits 0 although lines were returned",
    file: "cli/commands/Delivery.ts",
    search: "sending.totals.returned + sending.totals.refused > 0 ? ExitStatus.failed : 0",
    replace: "sending.totals.refused > 0 ? ExitStatus.failed : 0",
    send: true
  },
  {
    name: "send tries to connect without end",
    file: "cli/commands/LoginAttempts.ts",
    search: "if (millis === undefined || tries >= retries) return Effect.fail(failure)",
    replace: "if (millis === undefined) return Effect.fail(failure)",
    also: {
      file: "cli/commands/LoginAttempts.ts",
      search: "Effect.timeoutFail(all, {\n    duration: timeout,",
      replace: "Effect.timeoutFail(all, {\n    duration: 1e9,"
    },
    send: true
  },
  {
    name: "send waits for the login without end",
    file: "cli/commands/LoginAttempts.ts",
    search: "Effect.timeoutFail(all, {\n    duration: timeout,",
    replace: "Effect.timeoutFail(all, {\n    duration: 1e9,",
    send: true
  },
  {
    name: "send forgets recipients that it gives up while it waits for others",
    file: "client/RetryQueue.ts",
    search: "if (given.length > 0) this.giveUp(",
    replace: "if (given.length > 99) this.giveUp(",
    send: true
  }
]
