#include <stdlib.h>
#include <string.h>

#include "weir_json.h"

typedef struct block {
    struct block *next;
    size_t size;
} block;

struct weir_arena {
    uint8_t *next;
    uint8_t *end;
    block *blocks;
    block *first;
    size_t finished;
};

enum { FIRST_BLOCK = 16 * 1024, HEADER = 32 };

static block *block_create(size_t size) {
    block *made = malloc(HEADER + size);
    if (made) {
        made->next = NULL;
        made->size = size;
    }
    return made;
}

static void use(weir_arena *arena, block *made) {
    arena->next = (uint8_t *)made + HEADER;
    arena->end = arena->next + made->size;
}

weir_arena *weir_arena_create(void) {
    weir_arena *arena = malloc(sizeof *arena);
    if (!arena) return NULL;
    arena->first = block_create(FIRST_BLOCK);
    if (!arena->first) {
        free(arena);
        return NULL;
    }
    arena->blocks = arena->first;
    arena->finished = 0;
    use(arena, arena->first);
    return arena;
}

static void free_later_blocks(weir_arena *arena) {
    block *each = arena->blocks;
    while (each) {
        block *next = each->next;
        if (each != arena->first) free(each);
        each = next;
    }
    arena->blocks = arena->first;
    arena->first->next = NULL;
}

void weir_arena_destroy(weir_arena *arena) {
    free_later_blocks(arena);
    free(arena->first);
    free(arena);
}

void weir_arena_reset(weir_arena *arena) {
    free_later_blocks(arena);
    arena->finished = 0;
    use(arena, arena->first);
}

static void *grow(weir_arena *arena, size_t bytes) {
    size_t size = arena->blocks->size * 2;
    if (size > 1024 * 1024) size = 1024 * 1024;
    if (size < bytes) size = bytes;
    block *made = block_create(size);
    if (!made) return NULL;
    arena->finished += arena->blocks->size;
    made->next = arena->blocks;
    arena->blocks = made;
    use(arena, made);
    void *start = arena->next;
    arena->next += bytes;
    return start;
}

void *weir_arena_allocate(weir_arena *arena, size_t bytes) {
    bytes = (bytes + 15) & ~(size_t)15;
    if ((size_t)(arena->end - arena->next) < bytes) return grow(arena, bytes);
    void *start = arena->next;
    arena->next += bytes;
    return start;
}

size_t weir_arena_used(const weir_arena *arena) {
    return arena->finished + (size_t)(arena->next - ((uint8_t *)arena->blocks + HEADER));
}
