import Reactor
import Testing

@Suite struct TokenTests {
    @Test(arguments: [
        (kind: UInt8(0), index: 0, generation: UInt32(0), lap: UInt8(0)),
        (kind: 15, index: Token.indexLimit - 1, generation: .max, lap: 15),
        (kind: 15, index: 0, generation: 0, lap: 0),
        (kind: 0, index: Token.indexLimit - 1, generation: 0, lap: 0),
        (kind: 0, index: 0, generation: .max, lap: 0),
        (kind: 0, index: 0, generation: 0, lap: 15),
        (kind: 5, index: 0xAB_CDEF, generation: 0x1234_5678, lap: 10),
    ])
    func partsComeBackAsTheyWentIn(_ parts: (kind: UInt8, index: Int, generation: UInt32, lap: UInt8)) {
        let token = Token(kind: parts.kind, index: parts.index, generation: parts.generation, lap: parts.lap)
        let back = Token(rawValue: token.rawValue)
        #expect(back.kind == parts.kind)
        #expect(back.index == parts.index)
        #expect(back.generation == parts.generation)
        #expect(back.lap == parts.lap)
        #expect(back.key == SlabKey(index: parts.index, generation: parts.generation))
    }

    @Test func theLayoutIsTheDocumentedOne() {
        let token = Token(kind: 0x5, index: 0xAB_CDEF, generation: 0x1234_5678, lap: 0xA)
        #expect(token.rawValue == 0x1234_5678_A5AB_CDEF)
    }

    @Test func tooLargePartsDoNotReachTheirNeighbours() {
        #expect(Token(kind: 16, index: 0) == Token(kind: 0, index: 0))
        #expect(Token(kind: 0, index: 0, lap: 16) == Token(kind: 0, index: 0))
        #expect(Token(kind: 0, index: Token.indexLimit) == Token(kind: 0, index: 0))
        #expect(Token(kind: 0, index: -1) == Token(kind: 0, index: Token.indexLimit - 1))
    }

    @Test func everyPlaceOfTheLargestSlabHasATokenOfItsOwn() {
        let last = SlabKey(index: Token.indexLimit - 1, generation: 1)
        #expect(Token(kind: 1, index: Int(last.index), generation: last.generation).key == last)
    }

    private enum Kind: UInt8, TokenKind {
        case listener = 3
        case client = 15
    }

    @Test func aKindComesBackAsItWentIn() {
        let key = SlabKey(index: 7, generation: 9)
        let token = Token(Kind.client, key, lap: 2)
        #expect(token == Token(kind: 15, index: 7, generation: 9, lap: 2))
        #expect(Kind(of: token) == .client)
        #expect(token.key == key)
        #expect(Token(Kind.listener) == Token(kind: 3, index: 0))
    }

    @Test func aKindThatTheLoopDoesNotHaveIsATrap() async {
        await #expect(processExitsWith: .failure) {
            _ = Kind(of: Token(kind: 4, index: 0))
        }
    }
}
