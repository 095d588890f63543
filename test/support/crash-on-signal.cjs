// Loaded into the program with --require: a defect of it, when the test asks for one.
process.on("SIGUSR2", () => {
  throw new Error("a defect")
})
