# A process without a C library whose memory and registers are known: the source of threads.core (see make.sh).
#
# Three threads share one address space. Each waits in pause() with marks in its registers. Memory beside code and data:
#   heap        4 pages by brk; pages 0 and 2 written
#   sparse      0x110000000, 16 pages; pages 1, 2 and 9 written
#   read-only   0x120000000, 2 pages; page 0 written, then protected
#   guard       0x130000000, 1 page without any access
#   file        0x140000000, 2 pages, a private mapping of the executable; page 0 written
#   vdso        2 pages, both overwritten
# A written page holds its own address in each of its words.

        .intel_syntax noprefix
        .set SYS_write, 1
        .set SYS_mmap, 9
        .set SYS_mprotect, 10
        .set SYS_munmap, 11
        .set SYS_brk, 12
        .set SYS_pause, 34
        .set SYS_open, 2
        .set SYS_clone, 56
        .set SYS_arch_prctl, 158
        .set ARCH_SET_GS, 0x1001
        .set ARCH_SET_FS, 0x1002
        .set PROT_R, 1
        .set PROT_RW, 3
        .set PROT_RX, 5
        .set AT_SYSINFO_EHDR, 33
        .set FIXED_ANON, 0x32
        # CLONE_VM | FS | FILES | SIGHAND | THREAD | SYSVSEM
        .set CLONE_THREAD_FLAGS, 0x50f00

        .macro map address, pages, prot, flags, fd
        mov rdi, \address
        mov esi, \pages * 4096
        mov edx, \prot
        mov r10d, \flags
        mov r8, \fd
        xor r9d, r9d
        mov eax, SYS_mmap
        syscall
        .endm

        .macro fill address
        mov rdi, \address
        call fill_page
        .endm

        .bss
        .lcomm ready, 8
        .lcomm scratch, 8192

        .data
message: .ascii "ready\n"
self:    .asciz "/proc/self/exe"

        .text
        .globl _start
_start: # The kernel maps 33 pages of stack; give back what lies below.
        mov rdi, rsp
        and rdi, -4096
        sub rdi, 0x24000
        mov esi, 0x24000
        mov eax, SYS_munmap
        syscall

        # Behind argc, the arguments and the (empty) environment, both ended by 0, comes the auxiliary vector.
        mov rcx, [rsp]
        lea rbx, [rsp + rcx * 8 + 24]
1:      add rbx, 16
        cmp qword ptr [rbx - 16], AT_SYSINFO_EHDR
        jne 1b
        mov rbx, [rbx - 8]
        mov edx, PROT_RW
        call protect_vdso
        fill rbx
        lea rdi, [rbx + 4096]
        call fill_page
        mov edx, PROT_RX
        call protect_vdso

        xor edi, edi
        mov eax, SYS_brk
        syscall
        mov rbp, rax
        lea rdi, [rax + 4 * 4096]
        mov eax, SYS_brk
        syscall
        fill rbp
        lea rdi, [rbp + 2 * 4096]
        call fill_page

        map 0x110000000, 16, PROT_RW, FIXED_ANON, -1
        fill 0x110001000
        fill 0x110002000
        fill 0x110009000
        map 0x120000000, 2, PROT_RW, FIXED_ANON, -1
        fill 0x120000000
        mov rdi, 0x120000000
        mov esi, 2 * 4096
        mov edx, PROT_R
        mov eax, SYS_mprotect
        syscall
        map 0x130000000, 1, 0, FIXED_ANON, -1

        lea rdi, [rip + self]
        xor esi, esi
        mov eax, SYS_open
        syscall
        mov r13, rax
        map 0x140000000, 2, PROT_RW, 0x12, r13
        fill 0x140000000

        mov r12d, 1
        mov rsi, 0x11000a000
        call thread
        mov r12d, 2
        mov rsi, 0x11000b000
        call thread
1:      pause
        cmp qword ptr [rip + ready], 2
        jne 1b

        mov edi, ARCH_SET_FS
        mov rsi, 0x110001000
        mov eax, SYS_arch_prctl
        syscall
        mov edi, ARCH_SET_GS
        mov rsi, 0x110002000
        mov eax, SYS_arch_prctl
        syscall
        mov edi, 1
        lea rsi, [rip + message]
        mov edx, 6
        mov eax, SYS_write
        syscall
        xor r12d, r12d
        jmp wait_here

# Starts a thread: its number in r12, its stack in rsi.
thread: mov edi, CLONE_THREAD_FLAGS
        xor edx, edx
        xor r10d, r10d
        xor r8d, r8d
        mov eax, SYS_clone
        syscall
        test eax, eax
        jz 2f
        ret
2:      lock inc qword ptr [rip + ready]
        jmp wait_here

# Marks every register that pause() keeps with the thread's number (r12), and waits for ever.
wait_here:
        mov rbx, 0x1111111111111100
        add rbx, r12
        mov rdx, 0x2222222222222200
        add rdx, r12
        mov rsi, 0x3333333333333300
        add rsi, r12
        mov rdi, 0x4444444444444400
        add rdi, r12
        mov rbp, 0x5555555555555500
        add rbp, r12
        mov r8, 0x8888888888888800
        add r8, r12
        mov r9, 0x9999999999999900
        add r9, r12
        mov r10, 0xaaaaaaaaaaaaaa00
        add r10, r12
        mov r13, 0xdddddddddddddd00
        add r13, r12
        mov r14, 0xeeeeeeeeeeeeee00
        add r14, r12
        mov r15, 0xffffffffffffff00
        add r15, r12
3:      mov eax, SYS_pause
        syscall
        jmp 3b

# Gives the 2 pages of the vdso, at rbx, the protection in edx.
protect_vdso:
        mov rdi, rbx
        mov esi, 2 * 4096
        mov eax, SYS_mprotect
        syscall
        ret

# Fills the page at rdi with the address of each of its words.
fill_page:
        mov ecx, 512
4:      mov [rdi], rdi
        add rdi, 8
        loop 4b
        ret
