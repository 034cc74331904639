import { testFaults } from "./one-seed-each.ts";

testFaults("buffered");
