"""`python -m ctcdsl`, which is how `torchrun -m ctcdsl` starts it."""

from ctcdsl.cli.main import main

if __name__ == "__main__":
    main()
