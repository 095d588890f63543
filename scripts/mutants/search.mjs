// Bugs in searches. Imported by main.mjs.
const suite = "test/ports/Store.test.ts"
const file = "test/store/search.test.ts"
const words = "test/protocol/Words.test.ts"
const command = "test/rooms/searching.test.ts"

export const mutants = [
  {
    name: "a search in one conversation does not ask who may read it",
    file: "store/SqlSearch.ts",
    search: "if (head === undefined || first === undefined || seq < first) return",
    replace: "if (head === undefined || (within === undefined && (first === undefined || seq < first))) return",
    test: suite
  },
  {
    name: "a search finds lines from before its reader's time",
    file: "store/SqlSearch.ts",
    search: "if (head === undefined || first === undefined || seq < first) return",
    replace: "if (head === undefined || first === undefined) return",
    test: suite
  },
  {
    name: "a search in memory does not ask who may read a conversation",
    file: "store/MemorySearch.ts",
    search: "if (first === undefined) return []",
    replace: "if (first === undefined && within === undefined) return []",
    also: {
      file: "store/MemorySearch.ts",
      search: "first - conversation.first)",
      replace: "(first ?? 0) - conversation.first)"
    },
    test: suite
  },
  {
    name: "a search continues after the line at which a step has ended",
    file: "store/SqlSearch.ts",
    search: "if (this.isOver) return line.id + 1",
    replace: "if (this.isOver) return line.id",
    test: suite
  },
  {
    name: "a search reads one block too far",
    file: "store/SqlSearch.ts",
    search: "WordBlock.firstLineOf(blocks.at(-1) ?? 0)",
    replace: "WordBlock.firstLineOf((blocks.at(-1) ?? 0) - 1)",
    test: suite
  },
  {
    name: "a search in memory continues after the line at which a step has ended",
    file: "store/MemorySearch.ts",
    search: "next: line.id + 1",
    replace: "next: line.id",
    test: suite
  },
  {
    name: "lines that are not indexed yet are not searched",
    file: "store/SqlSearch.ts",
    search: "before = before > end ? yield* this.tail(end, before, isSearched)",
    replace: "before = before > end ? end",
    test: suite
  },
  {
    name: "a block is written before all of its lines are stored",
    file: "store/SqlIndex.ts",
    search: "lastLine + 1 < WordBlock.firstLineOf(block + 1)",
    replace: "lastLine + 1 < WordBlock.firstLineOf(block + 1) - 100",
    test: suite
  },
  {
    name: "a step of the index leaves out a line",
    file: "store/SqlIndex.ts",
    search: "indexed.next = last.id + 1",
    replace: "indexed.next = last.id + 2",
    test: suite
  },
  {
    name: "the index begins at the wrong line after a restart",
    file: "store/SqlIndex.ts",
    search: "WordBlock.blockOfRow(last) + 1)",
    replace: "WordBlock.blockOfRow(last) + 2)",
    test: suite
  },
  {
    name: "the words of lines that are gone stay in the index",
    file: "store/SqlIndex.ts",
    search: "removed - cleaned < Math.max(removedLines, lines * removedShare)",
    replace: "lastLine > 0",
    test: file
  },
  {
    name: "the id of a line that is gone is used again, and the index takes the new line for the old one",
    file: "store/SqlState.ts",
    search: 'if (table === "line") last = Math.max(last, (yield* this.meta()).lastLine)',
    replace: "",
    test: file
  },
  {
    name: "a line with very many words is not found",
    file: "store/WordBlock.ts",
    search: "if (hashes.size > maxWords) for (const words of this.words) post(words, everyWord, offset)",
    replace: "if (hashes.size > maxWords) return",
    test: suite
  },
  {
    name: "a damaged row of the index is read without end",
    file: "store/WordBlock.ts",
    search: "Math.min(this.at + length, this.bytes.length)",
    replace: "Math.min(this.at + length, 1e6)",
    test: "test/store/WordBlock.test.ts"
  },
  {
    name: "lines that the index lacks are no fault",
    file: "store/SqlIndex.ts",
    search: "faults.push(`the index of words lacks",
    replace: "if (next < 0) faults.push(`the index of words lacks",
    test: file
  },
  {
    name: "a damaged text is found",
    file: "store/SqlSearch.ts",
    search: "if (Checksum.ofLine(line) !== line.crc) {",
    replace: "if (false) {",
    test: file
  },
  {
    name: "a phrase is found where its words do not follow each other",
    file: "protocol/Words.ts",
    search: "longer.every(({ borders, phrase }) => isWithin(words, phrase, borders))",
    replace: "longer.length >= 0",
    test: words
  },
  {
    name: "the comparison with a phrase forgets what it has compared",
    file: "protocol/Words.ts",
    search: "while (length > 0 && word !== phrase[length]) length = borders[length - 1] ?? 0",
    replace: "if (word !== phrase[length]) length = 0",
    test: words
  },
  {
    name: "a long run of marks takes quadratic time",
    file: "protocol/Words.ts",
    search: '.replace(manyMarks, "$1")',
    replace: "",
    test: words
  },
  {
    name: "a search shows lines of a room that the client has left meanwhile",
    file: "conversations/SearchCommand.ts",
    search: 'key.kind !== "room" || rooms.mayRead(peer, key.room)',
    replace: "true",
    test: command
  },
  {
    name: "a search in one conversation does not ask again whether the client may read it",
    file: "conversations/SearchCommand.ts",
    search: "const known = within === undefined ? undefined : readable(context, peer, within)",
    replace: "const known = undefined as string | undefined",
    test: command
  },
  {
    name: "a guest searches in all rooms",
    file: "conversations/SearchCommand.ts",
    search: 'within: reader === "guest" ? context.rooms.of(peer) : undefined',
    replace: "within: [1, 2, 3] as never",
    test: command
  },
  {
    name: "a client searches as often as it likes",
    file: "conversations/SearchCommand.ts",
    search: "return bucket.take(now)",
    replace: "return 0",
    test: command
  },
  {
    name: "a search goes first until it is over, and the others wait",
    file: "conversations/Searches.ts",
    search: "const before = this.last",
    replace: "const before = request.from === undefined ? this.last : Effect.void",
    test: command
  },
  {
    name: "the steps of searches leave no time to others",
    file: "conversations/Searches.ts",
    search: "Effect.as(Effect.sleep(took), step)",
    replace: "Effect.succeed(step)",
    test: command
  },
  {
    name: "a search finds more lines than it may",
    file: "conversations/Searches.ts",
    search: "limit: limit - found.lines.length",
    replace: "limit",
    test: command
  },
  {
    name: "indexing leaves no time to others",
    file: "conversations/Indexing.ts",
    search: "Effect.delay(step, Duration.times(took, restFactor))",
    replace: "step",
    test: "test/conversations/Indexing.test.ts"
  },
  {
    name: "indexing ends with the first failure of the store",
    file: "conversations/Indexing.ts",
    search: "Effect.sync(() => this.changed())",
    replace: "Effect.void",
    test: "test/conversations/Indexing.test.ts"
  }
]
