// Mutants of the client at a terminal. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "what was read while the server was away is never reported",
    file: "terminal/ConversationReader.ts",
    search: "if (!conversations.readUpTo(name, shown)) continue",
    replace: "if (!conversations.readUpTo(name, shown) || !this.canLoad(name)) continue",
    test: "test/terminal/rooms.test.ts"
  },
  {
    name: "what is muted is forgotten when the program ends",
    file: "terminal/OneConnection.ts",
    search: "yield* ui.mutes.use(people.own)",
    replace: "",
    test: "test/terminal/Mutes.test.ts"
  },
  {
    name: "the log follows symbolic links",
    file: "terminal/LogFile.ts",
    search: " | constants.O_CREAT | constants.O_NOFOLLOW",
    replace: " | constants.O_CREAT",
    test: "test/terminal/LogFile.test.ts"
  },
  {
    name: "a log that others can read stays so",
    file: "terminal/LogFile.ts",
    search: "await file.chmod(ownerOnly)",
    replace: "await file.chmod((await file.stat()).mode)",
    test: "test/terminal/LogFile.test.ts"
  },
  {
    name: "a file of the log can be outside its folder",
    file: "terminal/LogFile.ts",
    search: "[^\\p{L}\\p{M}\\p{Nd}_.-]",
    replace: "[^\\p{L}\\p{M}\\p{Nd}_./-]",
    test: "test/terminal/LogFile.test.ts"
  },
  {
    name: "a group can replace the files of a log",
    file: "terminal/LogFile.ts",
    search: "(constants.S_IWGRP | constants.S_IWOTH)",
    replace: "constants.S_IWOTH",
    test: "test/terminal/LogFile.test.ts"
  },
  {
    name: "lines of a log that follow a failed write are not introduced",
    file: "terminal/ConversationLog.ts",
    search: "waiting.lines = waiting.introduction + waiting.lines",
    replace: "",
    test: "test/terminal/ConversationLog.test.ts"
  },
  {
    name: "the end does not wait for the log",
    file: "terminal/ConversationLog.ts",
    search: "void writing.then(over)",
    replace: "queueMicrotask(over)",
    test: "test/terminal/ConversationLog.test.ts"
  },
  {
    name: "lines that wait for a stuck disk have no bound",
    file: "terminal/ConversationLog.ts",
    search: "if (this.units + text.length > maxWaiting) {",
    replace: "if (this.units < 0) {",
    test: "test/terminal/ConversationLog.test.ts"
  },
  {
    name: "text in a log can steer a terminal",
    file: "terminal/ConversationLog.ts",
    search: 'Escape.show(text).replaceAll("\\n", "\\\\x0a")',
    replace: "text",
    test: "test/terminal/ConversationLog.test.ts"
  },
  {
    name: "a semicolon divides the text of a notification",
    file: "terminal/DesktopNotification.ts",
    search: 'field.replaceAll(";", ",")',
    replace: "field",
    test: "test/terminal/DesktopNotification.test.ts"
  },
  {
    name: "the user is notified while looking",
    file: "terminal/Notifications.ts",
    search: " || hasFocus) return",
    replace: ") return",
    test: "test/terminal/notifying.test.ts"
  },
  {
    name: "every message is a notification of its own",
    file: "terminal/Notifier.ts",
    search: "Effect.sleep(interval)",
    replace: "Effect.void",
    test: "test/terminal/Notifier.test.ts"
  },
  {
    name: "a longer name mentions a shorter one",
    file: "client/Mention.ts",
    search: "if (isWholeWord(text, start, end)) found.push",
    replace: "found.push",
    test: "test/client/Mention.test.ts"
  },
  {
    name: "every message rings like a mention",
    file: "terminal/TypedLine.ts",
    search: 'extent === "on" || (extent === "mentions" && isMention)',
    replace: 'extent !== "off"',
    test: "test/terminal/notifying.test.ts"
  },
  {
    name: "the terminal's client takes a control string for typing",
    file: "terminal/InputTable.ts",
    search: '[0x00, last, "string"]',
    replace: '[0x00, last, "print"]',
    test: "test/terminal/InputParser.test.ts"
  },
  {
    name: "a mouse report of three bytes is typed",
    file: "terminal/InputParser.ts",
    search: '["M", 3],',
    replace: "",
    test: "test/terminal/InputParser.test.ts"
  },
  {
    name: "a paste without an end mark swallows the keyboard",
    file: "terminal/InputParser.ts",
    search: "interruptedMillis : pasteMillis",
    replace: "interruptedMillis : undefined",
    test: "test/terminal/InputParser.test.ts"
  },
  {
    name: "a paste grows without bounds",
    file: "terminal/InputParser.ts",
    search: "if (this.pastedLength <= maxPaste) this.pasted.push(character)",
    replace: "this.pasted.push(character)",
    test: "test/terminal/InputParser.test.ts"
  },
  {
    name: "the end of a paste is missed after half of its mark",
    file: "terminal/InputParser.ts",
    search: "if (mark !== character) this.takePasted(character)",
    replace: "if (mark.length > 9) this.takePasted(character)",
    test: "test/terminal/InputParser.test.ts"
  },
  {
    name: "a key is given up before what has arrived is read",
    file: "terminal/Keys.ts",
    search: "setImmediate(() => {",
    replace: "queueMicrotask(() => {",
    test: "test/terminal/Keys.test.ts"
  },
  {
    name: "the release of a key is a key",
    file: "terminal/Keys.ts",
    search: "(?::[12])?",
    replace: "(?::[123])?",
    test: "test/terminal/Keys.test.ts"
  },
  {
    name: "a terminal without a size has one column",
    file: "terminal/Screen.ts",
    search: "columns: output.columns || fallback.columns",
    replace: "columns: Math.max(1, output.columns ?? fallback.columns)",
    test: "test/terminal/pty.test.ts",
    build: true
  },
  {
    name: "a joiner is displayed between any two characters",
    file: "client/Escape.ts",
    search: "[\\\\u200c\\\\u200d](?=${joining}))`",
    replace: "[\\\\u200c\\\\u200d](?=.))`",
    test: "test/client/Escape.test.ts"
  },
  {
    name: "invisible characters hide a text behind each other",
    file: "client/Escape.ts",
    search: 'const notAfterInvisible = "(?<!\\\\p{Default_Ignorable_Code_Point})"',
    replace: 'const notAfterInvisible = ""',
    test: "test/client/Escape.test.ts"
  },
  {
    name: "a joined emoji that is split between reads is escaped",
    file: "client/Escape.ts",
    search: "const from = Math.max(0, to - nearby)",
    replace: "const from = to",
    test: "test/client/Escape.test.ts"
  },
  {
    name: "a row is wrapped within an escape",
    file: "terminal/Cells.ts",
    search:
      "else cells.push({ text: escape as Display.SafeText, columns: escape.length, length: character.length }) // " +
      "ASCII",
    replace:
      "else [...escape].forEach((one, at) => cells.push({ text: one as Display.SafeText, columns: 1, length: at === " +
      "0 ? character.length : 0 }))",
    test: "test/terminal/Wrap.test.ts"
  },
  {
    name: "a grapheme is as wide as its first character",
    file: "terminal/Width.ts",
    search: "for (const point of grapheme) sum += isConjoining.test(point) ? 0 : columnsOfPoint(point, false)",
    replace: "for (const point of grapheme) sum ||= isConjoining.test(point) ? 0 : columnsOfPoint(point, false)",
    test: "test/terminal/Width.test.ts"
  },
  {
    name: "marks beside a character have no column",
    file: "terminal/Width.ts",
    search: "[\\p{Mn}\\p{Me}]",
    replace: "\\p{M}",
    test: "test/terminal/Width.test.ts"
  },
  {
    name: "a name that was never here becomes the conversation at once",
    file: "terminal/Composer.ts",
    search: "return strangers.length > 0",
    replace: "return false",
    test: "test/terminal/TerminalClient.test.ts"
  },
  {
    name: "the prompt changes its recipients while a line is typed",
    file: "terminal/Composer.ts",
    search: 'if (isNoOne && prompt.editor.text === "") this.options.navigation.back()',
    replace: "if (isNoOne) this.options.navigation.back()",
    test: "test/terminal/TerminalClient.test.ts"
  },
  {
    name: "the conversation before is one in which no one was",
    file: "terminal/CurrentRecipients.ts",
    search: 'if (talk.state !== "absent") return',
    replace: "return",
    test: "test/terminal/CurrentRecipients.test.ts"
  },
  {
    name: "a room's name is text to the last recipient",
    file: "terminal/TypedLine.ts",
    search: "if (otherwise !== undefined) return otherwise",
    replace: "",
    test: "test/terminal/TypedLine.test.ts"
  },
  {
    name: "a line that was given before counts as unread again",
    file: "terminal/NumberedConversations.ts",
    search: "if (isNew) one.unread += 1",
    replace: "one.unread += 1",
    test: "test/terminal/NumberedConversations.test.ts"
  },
  {
    name: "a read mark moves back",
    file: "terminal/NumberedConversations.ts",
    search: "if (one === undefined || seq <= one.read) return false",
    replace: "if (one === undefined) return false",
    test: "test/terminal/NumberedConversations.test.ts"
  },
  {
    name: "a line of the current room is shown again after a page that has it",
    file: "terminal/ConversationReader.ts",
    search: "if (seq <= (conversations.find(name)?.shown ?? 0)) return",
    replace: "",
    test: "test/terminal/rooms.test.ts"
  },
  {
    name: "lines that waited for a page are lost with the connection",
    file: "terminal/ConversationReader.ts",
    search: "for (const name of this.held.keys()) this.release(name)",
    replace: "this.held.clear()",
    test: "test/terminal/rooms.test.ts"
  },
  {
    name: "the terminal asks a server for ever that says that there is more, and sends nothing",
    file: "terminal/ConversationReader.ts",
    search: "page.hasMore && isFurther",
    replace: "page.hasMore && (isFurther || page.last >= 0)",
    test: "test/terminal/rooms-reconnection.test.ts"
  },
  {
    name: "the terminal counts damaged lines of a page as lines before it",
    file: "terminal/PagePrinter.ts",
    search: "const before = first - 1 - read",
    replace: "const before = (lines[0]?.seq ?? first) - 1 - read",
    test: "test/terminal/rooms.test.ts"
  },
  {
    name: "PageUp asks again for lines of which none can be read",
    file: "terminal/Pages.ts",
    search: "const { first = lines[0]?.seq ?? 0, last",
    replace: "const first = lines[0]?.seq ?? 0\n    const { last",
    test: "test/terminal/rooms.test.ts"
  },
  {
    name: "a page is shown although the user has gone on",
    file: "terminal/ConversationReader.ts",
    search: `if (!this.isInSight(name)) return
    const { first`,
    replace: "const { first",
    test: "test/terminal/rooms.test.ts"
  },
  {
    name: "a guest's own line is shown again after a break",
    file: "terminal/ConversationReader.ts",
    search: "seq > shown && own?.has(seq) !== true",
    replace: "seq > 0",
    test: "test/terminal/rooms-reconnection.test.ts"
  },
  {
    name: "every line of a room rings",
    file: "terminal/ServerLines.ts",
    search: "const calls = room === undefined || isMention",
    replace: "const calls = true",
    test: "test/terminal/rooms.test.ts"
  },
  {
    name: "a line that cannot be loaded later is only counted",
    file: "terminal/ServerLines.ts",
    search: "at !== undefined && reader.canLoad(conversation)",
    replace: "at !== undefined && reader.isOn",
    test: "test/terminal/rooms-reconnection.test.ts"
  },
  {
    name: "what is typed for one room goes to another",
    file: "terminal/Navigation.ts",
    search: 'const draft = prompt.exchange(conversations.find(name)?.draft ?? "")',
    replace: "const draft = prompt.editor.text",
    test: "test/terminal/rooms.test.ts"
  },
  {
    name: "Ctrl-C leaves although a line is typed",
    file: "terminal/Prompt.ts",
    search: 'if (this.editor.text === "" || this.options.isLeaving()) return this.options.leave()',
    replace: "return this.options.leave()",
    test: "test/terminal/TerminalClient.test.ts"
  },
  {
    name: "Enter does not end the wait for the next attempt",
    file: "terminal/TerminalClient.ts",
    search: "Effect.raceFirst(Effect.orDie(backoff.wait(end, show)), ui.hurry.await)",
    replace: "Effect.orDie(backoff.wait(end, show))",
    test: "test/terminal/timing.test.ts"
  },
  {
    name: "clients that come and go are announced",
    file: "terminal/PresenceNotices.ts",
    search: "if (!cancels) this.changes.set(name, change)",
    replace: "this.changes.set(name, change)",
    test: "test/terminal/PresenceNotices.test.ts"
  },
  {
    name: "a long link is broken into rows",
    file: "terminal/Wrap.ts",
    search: 'const links = isKept ? linksOf(shown.map(({ text }) => text).join("")) : new Map<number, number>()',
    replace: "const links = new Map<number, number>()",
    test: "test/terminal/Wrap.test.ts"
  },
  {
    name: "a script that writes is announced",
    file: "terminal/PresenceNotices.ts",
    search: 'if (before?.what === "joined") this',
    replace: 'if (before?.what === "left") this',
    test: "test/terminal/PresenceNotices.test.ts"
  },
  {
    name: "a grapheme that continues in the next window is cut",
    file: "terminal/Width.ts",
    search: "&& !isLast && index > 0",
    replace: "&& !isLast && index < 0",
    test: "test/terminal/Width.test.ts"
  },
  {
    name: "a word that moves into the next row is not wrapped there",
    file: "terminal/Wrap.ts",
    search: "        if (column + width > columns && at > start) {",
    replace: "        if (at < start) {",
    test: "test/terminal/Wrap.test.ts"
  },
  {
    name: "each key divides the whole of a pasted line into cells",
    file: "terminal/LiveRegion.ts",
    search: "const length = Row.maxUnits(columns)",
    replace: "const length = 1e9",
    test: "test/terminal/Screen-typing.test.ts"
  },
  {
    name: "the rest of a report that is late is typing",
    file: "terminal/InputParser.ts",
    search: 'return !hasKey && trial.state === "ground"',
    replace: "return false",
    test: "test/terminal/InputParser.test.ts"
  },
  {
    name: "the text after Escape is taken for the rest of a report",
    file: "terminal/InputParser.ts",
    search: 'return !hasKey && trial.state === "ground"',
    replace: 'return trial.state === "ground"',
    test: "test/terminal/InputParser.test.ts"
  }
]
