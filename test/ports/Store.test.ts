import * as Memory from "../../src/store/Memory.js"
import { storeSuite } from "./StoreSuite.js"

storeSuite("the store in memory", Memory.make)
